"""Finished steps, the next step and its page, from a project's status. Pure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step from a pool to evidence.

    Attributes:
        name: a page's name.
        done: True if the step is done.
        told: its progress, in a few words.
    """

    name: str
    done: bool
    told: str


def steps(status: dict[str, Any]) -> list[Step]:
    """Return every step in order.

    Args:
        status: a result of `projects.status`.
    """
    fresh = any(not record["older_than_pool"] for record in status["selections"])
    targets = ", ".join(target["name"] for target in status["targets"])
    return [
        Step("Pool", bool(status["encoders"]) and not _waiting(status), _pool(status)),
        Step("Targets", bool(status["targets"]), targets or "no target set yet"),
        Step("Curate", fresh and status["decisions"] > 0, _curated(status, fresh=fresh)),
        Step("Export", status["exports"] > 0, _count(status["exports"], "export")),
        Step("Pre-train", bool(status["runs"]), _count(len(status["runs"]), "run")),
        Step("Evaluate", status["evaluations"] > 0, _count(status["evaluations"], "evaluation")),
    ]


def _count(number: int, word: str) -> str:
    """Format `no run yet`, `1 run`, `1,200 runs`."""
    return f"{number:,} {word}{'s' if number != 1 else ''}" if number else f"no {word} yet"


def _pool(status: dict[str, Any]) -> str:
    if not status["sources"]:
        return "no source yet"
    pool, waiting = status["pool"], _waiting(status)
    parts = [f"{_count(pool['images'], 'image')} in {_count(len(status['sources']), 'source')}"]
    parts += [f"{waiting:,} files to embed"] if waiting else []
    parts += [f"{pool['unreadable']:,} unreadable files"] if pool["unreadable"] else []
    parts += [f"{pool['rejected']:,} rejected files"] if pool["rejected"] else []
    return " · ".join(parts)


def _selections(chosen: list[dict[str, Any]], *, fresh: bool) -> str:
    told = _count(len(chosen), "selection")
    return told if fresh or not chosen else f"{told}, older than the pool"


def _curated(status: dict[str, Any], *, fresh: bool) -> str:
    decided = _count(status["decisions"], "decision")
    return f"{_selections(status['selections'], fresh=fresh)} · {decided}"


def _waiting(status: dict[str, Any]) -> int:
    return int(status["pool"]["waiting"]) + sum(int(t["waiting"]) for t in status["targets"])


def next_step(status: dict[str, Any]) -> tuple[str, str]:
    """Return the page to go to next, and the reason in one sentence.

    Args:
        status: a result of `projects.status`.
    """
    waiting, chosen = _waiting(status), status["selections"]
    if not status["sources"]:
        return "Pool", "Add a source of images to the pool."
    if not status["targets"]:
        return "Targets", "Add a target set: a few images of what you care about."
    if status["jobs"]:
        title = status["jobs"][0]["title"]
        return "Overview", f"{title} is running; you can close the app meanwhile."
    if waiting or not status["encoders"]:
        return "Pool", f"Embed the images: {waiting:,} files have not been read yet."
    if not chosen:
        return "Curate", "Select a subset of the pool for a target set."
    if all(record["older_than_pool"] for record in chosen):
        return "Curate", "The pool has changed since the latest selection; update one."
    if not status["decisions"]:
        return "Curate", "Review the latest selection: keep what is right and veto what is wrong."
    if not status["runs"]:
        return (
            "Pre-train",
            "Export the selection or pre-train on it; you can review more at any time.",
        )
    return "Evaluate", "Evaluate the runs on your target set, or review more of the selection."
