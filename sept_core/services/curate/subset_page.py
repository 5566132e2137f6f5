"""A selection as one HTML file that a colleague opens without SEPT and without a network.

In: `subset_facts.Facts`. Out: a page with its pictures inside; it loads nothing, runs no script,
and follows the light or dark scheme of its reader.
"""

import datetime
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sept_core.export import run as export_run
from sept_core.figures import page_charts
from sept_core.manifest import provenance
from sept_core.services.curate import page_style, subset_facts
from sept_core.services.curate.subset_facts import Facts, Picture
from sept_core.services.project.project import Project
from sept_core.storage import atomic

FUNNEL = {
    "pool": "pool",
    "decodable": "can be decoded",
    "in_filter": "match the filter",
    "not_leaked": "no near-duplicate of held-out images",
    "not_vetoed": "not vetoed",
    "selected": "selected",
}
"""Steps of the funnel, in order, and their wording."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

DECISIONS = {"veto": "vetoed", "negative": "vetoed as negative examples", "keep": "kept",
             "pin": "pinned"}  # fmt: skip


def write(
    project: Project,
    selection_id: str,
    out: Path,
    *,
    names: bool = False,
    pictures: int = subset_facts.PICTURES,
) -> dict[str, Any]:
    """Write the page of a selection.

    Args:
        project: the open project.
        selection_id: its id or the beginning of it.
        out: the file to write; must not exist.
        names: include the names of reviewers.
        pictures: maximum number of pictures.

    Returns:
        out, selection, images, pictures (embedded), unreadable, bytes.

    Raises:
        InputError: `out` exists, or images of the selection are no longer in the pool.
        LeakError: the contamination guard finds a leak.
    """
    export_run.refuse_existing(out)
    facts = subset_facts.gather(project, selection_id, names=names, pictures=pictures)
    text = page(facts)
    with atomic.write_then_rename(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return {
        "out": str(out),
        "selection": facts.record["selection"],
        "images": facts.record["count"],
        "pictures": len(facts.pictures) - facts.unreadable,
        "unreadable": facts.unreadable,
        "bytes": len(text.encode()),
    }


def page(facts: Facts) -> str:
    """Return the page; all names and reasons are escaped."""
    title = f"{facts.record['count']:,} images for {', '.join(facts.record['targets'])}"
    sections = [
        _numbers(facts),
        _section("Pictures", _shown_of(facts), _pictures(facts.pictures)),
        _targets(facts),
        _decisions(facts),
        _section("Provenance", "", _list(_provenance(facts))),
    ]
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f'<meta http-equiv=Content-Security-Policy content="{POLICY}">'
        f"<meta name=robots content=noindex><title>{_text(title)}</title>"
        f"<style>{page_style.STYLE}</style>"
        f"<body><main><p class=mark>{page_style.MARK}<b>SEPT</b>{_text(facts.title)}</p>"
        f"<h1>{_text(title)}</h1><p class=lead>{_text(lead(facts))}</p>{_tiles(facts)}"
        f"{''.join(sections)}<footer>Written by SEPT {_text(facts.header['software']['sept'])} on "
        f"{today.day} {today:%B %Y}. This file contains everything that it shows.</footer>"
        "</main></body></html>"
    )


def lead(facts: Facts) -> str:
    """Return the summary in one or two sentences."""
    pool, record = record_funnel(facts).get("pool", 0), facts.record
    sentence = (
        f"{record['strategy'].capitalize()} selected {record['count']:,} of {pool:,} pool images "
        f"for {_and(record['targets'])}, under the encoder {facts.encoder}."
    )
    guard = facts.header["guard"]
    if guard["state"] == "on":
        sentence += (
            f" None of them is a near-duplicate of one of the {guard['heldout_images']:,} "
            "held-out images."
        )
    return " ".join(filter(None, (sentence, record.get("shortfall"), facts.notice)))


def record_funnel(facts: Facts) -> dict[str, int]:
    """Return the known steps of the selection funnel."""
    counts = facts.record["funnel"]
    return {name: int(counts[name]) for name in FUNNEL if name in counts}


def _tiles(facts: Facts) -> str:
    tiles = [(f"{facts.record['count']:,}", "images selected")]
    if pool := record_funnel(facts).get("pool"):
        tiles.append((f"{facts.record['count'] / pool:.1%}", f"of {pool:,} pool images"))
    if facts.curve:
        tiles.append((f"{facts.curve.middle:.2f}", "median similarity to the target"))
    if facts.precision:
        found = facts.precision[-1]
        ends = f"{found.low:.0%} to {found.high:.0%}"
        text = f"precision, 95% interval {ends}, {found.judged:,} images judged"
        tiles.append((f"{found.estimate:.0%}", text))
    made = sum(count for name, count in facts.decisions.items() if name in DECISIONS)
    tiles.append((f"{made:,}", "images decided by reviewers"))
    inner = "".join(f"<div class=tile><b>{_text(n)}</b><span>{_text(t)}</span></div>"
                    for n, t in tiles)  # fmt: skip
    return f"<div class=tiles>{inner}</div>"


def _numbers(facts: Facts) -> str:
    parts = []
    if facts.curve:
        curve = facts.curve
        drawn = page_charts.curve(curve.ranks, curve.low, curve.median, curve.high, "rank")
        note = "Cosine to the target that retrieved the image: median, and 10th to 90th percentile."
        parts.append(_block("Similarity by rank", note, drawn))
    funnel = [(FUNNEL[name], count, f"{count:,}") for name, count in record_funnel(facts).items()]
    note = "Images left after each rule."
    parts.append(_block("Selection funnel", note, page_charts.bars(funnel)))
    if facts.classes:
        rows = [(name, count, f"{count:,}") for name, count in facts.classes]
        note = (
            "Images by the label of the target that retrieved them: why an image was selected, "
            "not what it shows."
        )
        parts.append(_block("Targets", note, page_charts.bars(rows)))
    if facts.precision:
        audited = [
            (f"first {row.budget:,}", row.estimate,
             f"{row.estimate:.0%} ({row.low:.0%} to {row.high:.0%})")
            for row in facts.precision
        ]  # fmt: skip
        note = "Share of correct images, estimated from a judged sample, with 95% intervals."
        parts.append(_block("Precision", note, page_charts.bars(audited)))
    return f"<section class=two>{''.join(parts)}</section>"


def _shown_of(facts: Facts) -> str:
    count, shown = facts.record["count"], len(facts.pictures)
    which = "All" if shown == count else f"{shown:,} of"
    spaced = "" if shown == count else ", evenly spaced by rank"
    gone = f" {facts.unreadable:,} could not be read." if facts.unreadable else ""
    below = "Below each: rank, similarity, and label or decision."
    return f"{which} {count:,} images{spaced}. {below}{gone}"


def _targets(facts: Facts) -> str:
    if not facts.targets:
        return ""
    note = f"{len(facts.targets):,} of the target images that the pool was searched with."
    return _section("Target images", note, _pictures(facts.targets))


def _pictures(pictures: Iterable[Picture]) -> str:
    return f"<div class=pictures>{''.join(map(_picture, pictures))}</div>"


def _picture(picture: Picture) -> str:
    name = " · ".join(filter(None, (picture.caption, picture.note)))
    image = (
        f'<img src="{picture.data}" alt="{_text(name)}" decoding=async>'
        if picture.data
        else "<div class=gone>not readable</div>"
    )
    note = f"<b>{_text(picture.note)}</b>" if picture.note else ""
    return f"<figure>{image}<figcaption>{_text(picture.caption)}{note}</figcaption></figure>"


def _decisions(facts: Facts) -> str:
    if not facts.decisions:
        return _section("Decisions", "No image was decided by a reviewer.", "")
    counted = (f"{count:,} {DECISIONS.get(name, name)}" for name, count in facts.decisions.items())
    note = f"For these target sets: {', '.join(counted)}. They hold for every selection."
    heads = ["Decision", "Reason", *(["Reviewer"] if facts.reviewers else []), "Images"]
    rows = [[row[0], row[1] or "–", *row[2:]] for row in facts.reasons]
    return _section("Decisions", note, _table(heads, rows))


def _provenance(facts: Facts) -> list[tuple[str, str]]:
    return [("Selection", facts.record["selection"]), *provenance.facts(facts.header)]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        marks = [""] * (len(cells) - 1) + [" class=number"]
        pairs = zip(cells, marks, strict=True)
        return "<tr>" + "".join(f"<{tag}{m}>{_text(c)}</{tag}>" for c, m in pairs) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<div class=scroll><table><thead>{line(heads, 'th')}</thead>{body}</table></div>"


def _list(pairs: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{_text(name)}</dt><dd>{_text(text)}</dd>" for name, text in pairs)
    return f"<dl>{items}</dl>"


def _section(title: str, note: str, content: str) -> str:
    return f"<section>{_block(title, note, content)}</section>"


def _block(title: str, note: str, content: str) -> str:
    said = f"<p class=note>{_text(note)}</p>" if note else ""
    return f"<div><h2>{_text(title)}</h2>{said}{content}</div>"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _text(text: object) -> str:
    return html.escape(str(text))
