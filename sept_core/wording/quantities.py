"""Sizes, durations and times formatted for people, on pages and in a terminal.

In: bytes, seconds, seconds since 1970. Out: a few words.
"""

import time

_UNITS = ("B", "kB", "MB", "GB")


def size(count: float) -> str:
    """Return `12 kB`, `3.4 MB` or `1,200 TB`, by powers of 1000."""
    for unit in _UNITS:
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} TB" if count >= 999.5 else f"{count:.3g} TB"


def duration(seconds: float) -> str:
    """Return `2 h 05 min`, `2 min 05 s` or `5 s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def roughly(seconds: float) -> str:
    """Return a duration in its largest unit: `40 s`, `2 min`, `3 h` or `2 days`."""
    for length, unit in ((86_400, "day"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * length or (unit != "day" and seconds >= length):
            count = round(seconds / length)
            return f"{count:,} {unit}{'s' if unit == 'day' else ''}"
    return f"{seconds:.0f} s"


def pace(rate: float, unit: str) -> str:
    """Return a speed as people say it: `12 images/s`, or `5 min per step` if it is slow.

    Args:
        rate: per second, more than 0.
        unit: what is counted, in the plural.
    """
    if rate >= 1:
        return f"{rate:,.3g} {unit}/s" if rate < 1000 else f"{rate:,.0f} {unit}/s"
    one, seconds = unit.removesuffix("s"), 1 / rate
    return f"{seconds:.1f} s per {one}" if seconds < 9.95 else f"{roughly(seconds)} per {one}"


def moment(at: float) -> str:
    """Return a time of this machine's clock as `31 Dec 23:59`."""
    return time.strftime("%d %b %H:%M", time.localtime(at))


def about(seconds: float) -> str:
    """Return a duration to two digits, as one says it: `9 hours`, `25 minutes`, `1.5 days`."""
    for unit, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 0.95 * length:
            count = (
                f"{seconds / length:.2g}" if seconds < 9.5 * length else f"{seconds / length:.0f}"
            )
            return f"{count} {unit}" + ("" if count == "1" else "s")
    return f"{max(1, round(seconds))} second" + ("" if round(seconds) <= 1 else "s")
