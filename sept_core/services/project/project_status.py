"""Records of the state of a project: its collections, artefacts, selections and jobs. Pure.

In: what `projects.status` reads. Out: a `ProjectStatus`, for pages, commands and Python callers.
"""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class PoolCounts:
    """Counts of the pool's live files by state; `images` are distinct."""

    files: int
    waiting: int
    unreadable: int
    rejected: int
    images: int
    fingerprint: str


@dataclass(frozen=True)
class CollectionStatus:
    """State of one source.

    Attributes:
        kind: how it is read, such as `folder`.
        waiting, ok, unreadable, rejected, gone: numbers of files by state.
        images: number of distinct images.
    """

    name: str
    kind: str
    path: str
    note: str
    waiting: int
    ok: int
    unreadable: int
    rejected: int
    gone: int
    images: int


@dataclass(frozen=True)
class TargetStatus(CollectionStatus):
    """State of one target set.

    Attributes:
        splits: images by split.
        classes: images by split and class.
        layout: meaning of its folders.
        read_by: options that give this layout.
        taken: folders and lists with the split that each became.
        warnings: sentences for the user.
        outdated: True if an earlier version read the layout.
    """

    splits: dict[str, int]
    classes: dict[str, dict[str, int]]
    layout: str | None
    read_by: list[str]
    taken: list[dict[str, Any]]
    warnings: list[str]
    outdated: bool


@dataclass(frozen=True)
class MapStatus:
    """A finished map, and whether the pool has changed since."""

    encoder: str
    older_than_pool: bool


@dataclass(frozen=True)
class UnfinishedJob:
    """A job that is running or queued."""

    id: str
    kind: str
    title: str
    state: str


@dataclass(frozen=True)
class ProjectStatus:
    """State of a project.

    Attributes:
        project: its folder.
        encoders: see `projects.encoders`.
        decisions: position of the latest decision.
        value_ranges: see `scaling.describe`.
        selections: stored records, oldest first, with `targets` (names) and `older_than_pool`.
        exports, evaluations: numbers of finished ones.
        runs: names of the pre-training runs.
        jobs: the unfinished ones.
    """

    project: str
    title: str
    pool: PoolCounts
    sources: list[CollectionStatus] = field(default_factory=list)
    encoders: list[dict[str, Any]] = field(default_factory=list)
    targets: list[TargetStatus] = field(default_factory=list)
    decisions: int = 0
    value_ranges: list[dict[str, Any]] = field(default_factory=list)
    maps: list[MapStatus] = field(default_factory=list)
    selections: list[dict[str, Any]] = field(default_factory=list)
    exports: int = 0
    evaluations: int = 0
    runs: list[str] = field(default_factory=list)
    jobs: list[UnfinishedJob] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """Return the number of files that wait to be embedded."""
        return self.pool.waiting + sum(target.waiting for target in self.targets)

    def json(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return asdict(self)
