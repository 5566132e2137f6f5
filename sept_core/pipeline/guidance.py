"""What to do next, in one sentence, from a project's status. Pure."""

from typing import Any


def next_step(status: dict[str, Any]) -> str:
    """The one thing that brings the project forward now.

    Args:
        status: as `projects.status` gives it.
    """
    pool = status["pool"]
    waiting = pool["waiting"] + sum(target["waiting"] for target in status["targets"])
    stale = [s for s in status["selections"] if s["older_than_pool"]]
    if status["jobs"]:
        return f"{status['jobs'][0]['title']} is under way; you may close the app meanwhile."
    if not status["sources"]:
        return "Add a source of images to the pool."
    if not status["targets"]:
        return "Add a target set: a few images of what you care about."
    if waiting or not status["encoders"]:
        return f"Embed the images: {waiting:,} files have not been read yet."
    if not status["selections"]:
        return "Select a subset of the pool for a target set."
    if len(stale) == len(status["selections"]):
        return "The pool has changed since every selection was made; make one again."
    if not status["decisions"]:
        return "Review the latest selection: keep what is right and veto what is wrong."
    if not status["runs"]:
        return "Export the selection or pre-train on it; review more of it whenever you like."
    return "Evaluate the runs on your target set, or review more of the selection."
