"""Requests: what a person asks of a selection.

In: names of target sets, the strategy's settings, and how the pool is narrowed. Out: `Request`, the
input of rankings and selections.
"""

from dataclasses import dataclass

from sept_core.selection.settings import SelectionSettings


@dataclass(frozen=True)
class Request:
    """Request for a selection: the strategy's settings and its inputs."""

    targets: tuple[str, ...]
    settings: SelectionSettings
    encoder: str | None = None
    filter: str = ""
    guard: bool = True
    group: str = ""
    """Named group of images (see `groups`) that restricts the pool; empty for the whole pool."""
    decisions: bool = True
    """False ignores the review decisions, as an ablation."""
    refill_duplicates: bool = False
    """True lets a near-duplicate of a vetoed image be selected in its place. By default a vetoed
    image keeps its place in its duplicate group, unless an image of the group is kept or pinned.
    """
    device: str = "auto"
    """Device that compares features: "auto" uses a GPU if there is one, "ray" a cluster. It never
    changes the result and is not stored.
    """
