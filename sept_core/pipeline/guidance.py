"""What is done, what is next, and where: from a project's status. Pure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step of the way from a pool to evidence.

    Attributes:
        name: a page's name.
        done: whether the project is past it.
        told: how far it is, in a few words.
    """

    name: str
    done: bool
    told: str


def steps(status: dict[str, Any]) -> list[Step]:
    """Every step in order.

    Args:
        status: as `projects.status` gives it.
    """
    pool, chosen = status["pool"], status["selections"]
    waiting = _waiting(status)
    images = f"{pool['images']:,} images of {len(status['sources']):,} sources"
    embedded = "all embedded" if status["encoders"] else "not embedded"
    names = ", ".join(target["name"] for target in status["targets"])
    fresh = sum(not record["older_than_pool"] for record in chosen)
    return [
        Step("Pool", bool(status["encoders"]) and not waiting, (
            f"{waiting:,} files to embed" if waiting else f"{images}, {embedded}"
        ) if status["sources"] else "no source yet"),
        Step("Targets", bool(status["targets"]), names or "no target set yet"),
        Step("Map", bool(status["maps"]) and not status["maps"][-1]["older_than_pool"],
             _map(status["maps"])),
        Step("Retrieve", fresh > 0, f"{len(chosen):,} selections, {fresh:,} of the pool as it is"
             if chosen else "no selection yet"),
        Step("Review", status["decisions"] > 0, f"{status['decisions']:,} decisions"),
        Step("Export", status["exports"] > 0, f"{status['exports']:,} finished"),
        Step("Pre-train", bool(status["runs"]), f"{len(status['runs']):,} runs"),
        Step("Evaluate", status["evaluations"] > 0, f"{status['evaluations']:,} finished"),
    ]  # fmt: skip


def _map(maps: list[dict[str, Any]]) -> str:
    if not maps:
        return "not drawn yet"
    return "older than the pool" if maps[-1]["older_than_pool"] else "drawn"


def _waiting(status: dict[str, Any]) -> int:
    return int(status["pool"]["waiting"]) + sum(int(t["waiting"]) for t in status["targets"])


def next_step(status: dict[str, Any]) -> tuple[str, str]:
    """The page to go to now, and why in one sentence.

    Args:
        status: as `projects.status` gives it.
    """
    waiting, chosen = _waiting(status), status["selections"]
    if not status["sources"]:
        return "Pool", "Add a source of images to the pool."
    if not status["targets"]:
        return "Targets", "Add a target set: a few images of what you care about."
    if status["jobs"]:
        title = status["jobs"][0]["title"]
        return "Overview", f"{title} is under way; you may close the app meanwhile."
    if waiting or not status["encoders"]:
        return "Pool", f"Embed the images: {waiting:,} files have not been read yet."
    if not chosen:
        return "Retrieve", "Select a subset of the pool for a target set."
    if all(record["older_than_pool"] for record in chosen):
        return "Retrieve", "The pool has changed since every selection; make one again."
    if not status["decisions"]:
        return "Review", "Review the latest selection: keep what is right and veto what is wrong."
    if not status["runs"]:
        return (
            "Pre-train",
            "Export the selection or pre-train on it; review more at any time.",
        )
    return "Evaluate", "Evaluate the runs on your target set, or review more of the selection."
