"""Provenance of a manifest for people: encoder, strategy, settings, guard, hashes, software.

In: the header of a manifest; another tool may have written it with fewer entries. Out: names and
texts, without absolute paths.
"""

from collections.abc import Mapping
from typing import Any

from sept_core.wording import paths


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the facts that the header has."""
    encoder, guard, index = (part(header, name) for name in ("encoder", "guard", "index"))
    decisions, software = part(header, "decisions"), part(header, "software")
    heldout = f" ({count(guard.get('heldout_images'))} held-out images)"
    given = [
        ("Target sets", ", ".join(map(str, header.get("targets") or ()))),
        ("Encoder", encoder and f"{encoder.get('id')} ({encoder.get('spec')}, "
                                f"{encoder.get('kind')})"),
        ("Strategy", header.get("strategy", "")),
        ("Settings", _settings(part(header, "settings"))),
        ("Search", index and f"{index.get('id')}, recall {index.get('recall')}"),
        ("Contamination guard", guard and f"{guard.get('state')}{heldout * is_on(guard)}"),
        ("Content hash", header.get("content_hash", "")),
        ("Pool fingerprint", part(header, "pool").get("fingerprint", "")),
        ("Decision log", decisions and f"position {decisions.get('position')}, "
                                       f"{decisions.get('hash')}"),
        ("Software", ", ".join(f"{name} {version}" for name, version in software.items())),
    ]  # fmt: skip
    return [(name, paths.without_paths(str(text))) for name, text in given if text]


def part(header: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an entry of the header, empty if it is missing."""
    return dict(header.get(name) or {})


def is_on(guard: Mapping[str, Any]) -> bool:
    """Return True if the contamination guard was active."""
    return bool(guard.get("state") == "on")


def count(number: object) -> str:
    """Return a number with separators, a dash if it is unknown."""
    return f"{number:,}" if isinstance(number, int) else "–"


def _settings(settings: Mapping[str, Any]) -> str:
    """Return the settings that are not empty or off; a seed of 0 is neither."""
    shown = {
        name: value
        for name, value in settings.items()
        if value is not False and value not in (None, "", [], {})
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items())
