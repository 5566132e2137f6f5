"""Rankings: what a selection is walked from, kept by content for all tabs.

In: an open project and a request. Out: a `Ranking`: everything that a selection needs besides the
review decisions and the budget, so that a decision or another budget only repeats the walk. Its
key is a hash of the request without its budget, the features, the target images and the pool.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import (
    decision_table,
    image_table,
    revision,
    source_table,
    split_table,
)
from sept_core.features import feature_store
from sept_core.index import graph, ivf
from sept_core.review import decision_log
from sept_core.selection import gate, run, weights
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import (
    contamination_guard,
    groups,
    own_images,
    row_space,
    stored_lists,
)
from sept_core.services.curate.pool_view import PoolEvidence
from sept_core.services.curate.requests import Request
from sept_core.services.data import preparation
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import atomic, hashing, project_paths
from sept_core.storage.recent import Recent

HELD = 4
"""Rankings in memory; the lists of a large request take some hundred megabytes."""

NEGATIVE_BETA = 0.5
NEGATIVE_PERCENTILE = 99.0
"""A veto as negative example penalises the images that are closer to it than this share of the
pool.
"""


@dataclass(frozen=True)
class Target:
    """One image that is searched with: its target set's id, its uid and its label."""

    set_id: str
    uid: str
    label: str | None


class Base:
    """The view of pool and targets that rankings share whose strategy, floor, cap or guard differ.

    Args:
        folder: where the neighbour lists are stored.
        pool: the pool's features.
        make: returns the view with all targets.

    Attributes:
        lock: held while the view is used.
        note: what is under way; empty while nothing is.
    """

    def __init__(
        self, folder: Path, pool: feature_store.FeatureStore, make: Callable[[], PoolEvidence]
    ) -> None:
        self.lock = threading.RLock()
        self.note = ""
        self._folder, self._pool, self._make = folder, pool, make
        self._views = Recent[frozenset[str], PoolEvidence](2)
        self._stored = 0  # length of the lists on disk

    def evidence(self, vetoed: frozenset[str]) -> PoolEvidence:
        """Return the view of pool and targets without vetoed targets.

        Raises:
            InputError: no target image is left, or none has features.
        """
        return self._views.get(vetoed, lambda: self._whole.without(vetoed))

    @cached_property
    def _whole(self) -> PoolEvidence:
        """The view with all targets, and with the lists of an earlier process if there are any."""
        whole = self._make()
        lists = stored_lists.load(self._folder, self._pool, whole.target_uids)
        if lists is not None:
            whole.use_lists(lists)
            self._stored = lists.uids.shape[1]
        return whole

    def store(self) -> None:
        """Store the lists if they have grown since."""
        lists = self._whole.known_lists()
        if lists is not None and lists.uids.shape[1] > self._stored:
            self._stored = lists.uids.shape[1]
            stored_lists.save(self._folder, lists, self._pool)


class Ranking:
    """The kept parts of all selections of one request; safe to use from several threads.

    Attributes:
        key: hash of everything that the picks depend on besides decisions and budget.
        request: with target sets by name and an encoder's id; its budget is 1.
        encoder_id: encoder of the features.
        target_ids: ids of the target sets.
        targets: the images that are searched with, vetoed ones included, in the order of the
            target sets and of their files.
        rows: row space of the pool.
        guard: result of the contamination guard.
        pool_fingerprint: of the pool that was ranked.
        group: name and fingerprint of the named group; empty without one.
    """

    def __init__(self, project: Project, request: Request, standing: "Standing") -> None:
        paths, encoder_id = project.paths, standing.encoder_id
        self.key = standing.key
        self.request = standing.request
        self.encoder_id = encoder_id
        self.target_ids = standing.target_ids
        self.targets = _distinct(standing.targets)
        names = dict(zip(standing.target_ids, request.targets, strict=True))
        by_target = weights.by_target(
            request.settings.weights,
            ((names[target.set_id], target.uid, target.label) for target in standing.targets),
        )
        labels = {target.uid: target.label for target in standing.targets if target.label}
        self.rows = row_space.load(project, encoder_id)
        self.guard = contamination_guard.check(
            project, encoder_id, standing.target_ids, wanted=request.guard
        )
        self.pool_fingerprint = standing.pool_fingerprint
        self.group = standing.group
        device = request.device
        pool = feature_store.kept(paths.pool_features(encoder_id))
        stores = [
            feature_store.kept(paths.target_features(encoder_id, ident))
            for ident in standing.target_ids
        ]
        indexed = preparation.is_fresh(project, encoder_id, "index", pool)
        inside = _inside(project, request)
        self._base = _bases.get(
            (paths.root, standing.base, device),
            lambda: Base(
                paths.ranking(standing.base),
                pool,
                lambda: PoolEvidence(
                    pool=pool,
                    targets=stores,
                    searching=_array([target.uid for target in self.targets]),
                    vetoed=_array(()),
                    labels=labels,
                    inside=inside,
                    index=ivf.load(paths.index(encoder_id, "index")) if indexed else None,
                    neighbour_graph=lambda: graph.load(paths.index(encoder_id, "graph")),
                    seed=request.settings.seed,
                    device=device,
                    weights=by_target,
                ),
            ),
        )
        self._groups = preparation.groups_by_uid(project, encoder_id)
        self._pool_count = _pool_count(project)
        self._own = (
            own_images.find(project, encoder_id, standing.target_ids, self.guard)
            if request.settings.with_target
            else None
        )
        if self._own is not None:
            self._groups = self._own.groups
        self._grounds = Recent[frozenset[str], gate.Ground](2)
        self._passing = row_space.mask(self.rows, inside)

    def select(
        self,
        state: decision_log.ReviewState,
        budget: int | None,
        settings: SelectionSettings | None = None,
    ) -> run.Selection:
        """Walk the ranking: the selection of a budget after the decisions of a log.

        Args:
            state: the decisions.
            budget: images to select.
            settings: other settings of strategy and stop, in place of those of the request; seed,
                weights and `with_target` must be the same.

        Raises:
            InputError: see `selection.run.select`.
        """
        with self._base.lock, self._noted(f"Searching for {len(self.targets):,} target images"):
            evidence = self.evidence(state.vetoed_targets)
            entry = self._gate(evidence, state)
            if self._own is not None:
                entry = self._own.added_to(entry)
            settings = replace(settings or self.request.settings, budget=budget)
            vetoed = state.vetoed_targets  # with its own images, a gate depends on them
            chosen = run.select(
                settings,
                evidence,
                entry,
                lambda entry: self._grounds.get(vetoed, lambda: gate.Ground(entry)),
            )
            self._base.store()
        return chosen

    @contextlib.contextmanager
    def _noted(self, note: str) -> Iterator[None]:
        """Tell what is under way to `progress`."""
        self._base.note = note
        try:
            yield
        finally:
            self._base.note = ""

    @property
    def note(self) -> str:
        """Work under way; empty while nothing is."""
        return self._base.note

    def seated(self, state: decision_log.ReviewState) -> np.ndarray:
        """Return (n,) S32 vetoed images that keep their place in their duplicate group.

        In a group with a kept or pinned image the duplicate cap alone decides. Near-duplicates may
        always take the place if the request says so.
        """
        if self.request.refill_duplicates:
            return _array([])
        judged = {self._groups.get(uid.encode()) for uid in state.having("keep", "pin")}
        grouped = ((uid, self._groups.get(uid.encode())) for uid in state.vetoed)
        return _array(uid for uid, group in grouped if group is not None and group not in judged)

    def fewest(self, state: decision_log.ReviewState) -> int:
        """Return a budget that pins and the target's own images cannot exceed."""
        own = 0 if self._own is None else len(self._own.uids)
        return len(state.pinned) + own

    def evidence(self, vetoed: frozenset[str]) -> PoolEvidence:
        """Return the view of pool and targets without vetoed targets.

        Raises:
            InputError: no target image is left, or none has features.
        """
        return self._base.evidence(vetoed)

    def nearest(self) -> dict[str, float]:
        """Return the similarity of each embedded target's nearest pool image, vetoed ones too."""
        with self._base.lock:
            lists = self.evidence(frozenset()).neighbours(1)
        pairs = zip(
            lists.targets.astype(str).tolist(), lists.similarity[:, 0].tolist(), strict=True
        )
        return {uid: value for uid, value in pairs if value > -1}

    def background_percentile(self, percentile: float) -> float:
        """Return the similarity at a percentile of random pairs of a target and a pool image."""
        return self.evidence(frozenset()).floor_similarity(percentile) or 0.0

    def _gate(self, evidence: PoolEvidence, state: decision_log.ReviewState) -> gate.Gate:
        negatives = _array(state.negatives)
        margin = evidence.floor_similarity(NEGATIVE_PERCENTILE) if len(negatives) else 0.0
        return gate.Gate(
            decodable=self.rows.uids,
            pool_count=self._pool_count,
            featureless=self.rows.featureless,
            in_filter=self._passing,
            leaked=self.guard.leaked,
            vetoed=_array(state.vetoed),
            pinned=_array(state.pinned),
            vetoed_targets=_array(sorted(state.vetoed_targets)),
            seated=self.seated(state),
            groups=self._groups,
            penalties=evidence.penalties(negatives, NEGATIVE_BETA, margin or 0.0),
        )


@dataclass(frozen=True)
class Standing:
    """A request resolved against the project: what identifies its ranking, and its base."""

    key: str
    base: str
    request: Request
    encoder_id: str
    target_ids: tuple[str, ...]
    targets: tuple[Target, ...]
    pool_fingerprint: str
    group: tuple[str, ...]


_held = Recent[tuple[Path, str], Ranking](HELD)
_bases = Recent[tuple[Path, str, str], Base](HELD)


def ranking(project: Project, request: Request) -> Ranking:
    """Return the ranking of a request; nothing is ranked before it is asked for picks.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the preparations are missing.
        LeakError: the guard is on and cannot run.
    """
    known = standing(project, request)
    return _held.get((project.paths.root, known.key), lambda: Ranking(project, request, known))


def remember(project: Project, request: Request) -> str:
    """Store a request under the key of its ranking, so that `find` finds it; return the key.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the preparations are missing.
    """
    known = standing(project, request)
    path = project.paths.ranking(known.key) / _REQUEST
    if not path.exists():
        atomic.write_json(path, asdict(known.request))
        stored_lists.keep_latest(project.paths.rankings, _REQUEST, MOST_REQUESTS)
    return known.key


_REQUEST = "request.json"
MOST_REQUESTS = 200
"""Requests on disk; a page that is drawn again stores its own again."""


def find(project: Project, key: str) -> Ranking:
    """Return the ranking of a key.

    Raises:
        NotFoundError: there is none, or the pool has changed since.
        InputError, LeakError: see `ranking`.
    """
    if (known := _held.find((project.paths.root, key))) is not None:
        return known
    try:
        project_paths.check_name(key, "Ranking")
        stored = atomic.read_json(project.paths.ranking(key) / _REQUEST)
        settings = SelectionSettings(**stored.pop("settings"))
        request = Request(tuple(stored.pop("targets")), settings, **stored)
    except (errors.SeptError, TypeError, AttributeError):
        raise errors.NotFoundError("This ranking no longer exists; reload the page.") from None
    found = ranking(project, request)
    if found.key != key:
        raise errors.NotFoundError("The pool or the target set has changed; reload the page.")
    return found


def progress(project: Project, key: str) -> dict[str, Any]:
    """Return how far a ranking has been made: `done` of `total` steps, and a note."""
    known = _held.find((project.paths.root, key))
    if known is None:
        return {"done": 0, "total": 2, "note": "Reading the pool"}
    return {"done": 1 if known.note else 2, "total": 2, "note": known.note}


def log_of(project: Project, target_ids: tuple[str, ...], name: str) -> decision_log.Log:
    """Return the decisions of target sets as they were when their log had this name.

    Raises:
        NotFoundError: the log never had that name.
    """
    found = decision_log.earlier(decision_table.log_of(project.db, target_ids), name)
    if found is None:
        raise errors.NotFoundError("These decisions are unknown; reload the page.")
    return found


def log_name(log: decision_log.Log) -> str:
    """Return the name of a log in URLs."""
    return log.hash[:16]


def standing(project: Project, request: Request) -> Standing:
    """Resolve a request: its encoder, its target images, and the key of its ranking.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the preparations are missing.
    """
    paths = project.paths
    encoder_id = projects.find_encoder(project, request.encoder)
    ids = tuple(source_table.find(project.db, "target", name).id for name in request.targets)
    resolved = replace(
        request,
        settings=replace(request.settings, budget=1),
        encoder=encoder_id,
        device="auto",
        decisions=True,
    )
    group = _group(project, request)
    searched = [paths.pool_features(encoder_id)]
    searched += [paths.target_features(encoder_id, ident) for ident in ids]
    # Held-out images count without a guard, too: the diagnostics of a ranking compare with them.
    heldout = [paths.target_features(encoder_id, ident, heldout=True) for ident in ids]
    fingerprint = image_table.pool_fingerprint(project.db)
    content = [
        asdict(replace(resolved, targets=())),
        ids,
        [feature_store.kept(folder).content_id() for folder in searched + heldout],
        fingerprint,
        _pool_count(project),
        group,
        [_content(project, ident, heldout=True) for ident in ids],
        _prepared(project, encoder_id),
    ]
    shared = [
        [encoder_id, ids, fingerprint, group, request.filter],
        [feature_store.kept(folder).content_id() for folder in searched],
        [_content(project, ident, heldout=False) for ident in ids],
        _index_header(project, encoder_id),
        [request.settings.seed, asdict(request.settings)["weights"]],
    ]
    if request.filter:
        content.append(revision.current(project.db))
        shared.append(revision.current(project.db))
    targets = tuple(target for ident in ids for target in searching(project, ident))
    keys = hashing.fingerprint(content), hashing.fingerprint(shared)
    return Standing(*keys, resolved, encoder_id, ids, targets, fingerprint, group)


def searching(project: Project, target_id: str) -> tuple[Target, ...]:
    """Return the training images of a target set in the order of their files."""

    def read() -> tuple[Target, ...]:
        rows = split_table.labelled(project.db, target_id, target_layout.SEARCH_SPLITS)
        pairs = zip(rows["uid"].to_pylist(), rows["label"].to_pylist(), strict=True)
        return tuple(Target(target_id, uid, label) for uid, label in pairs)

    return revision.once(project.db, f"searching:{target_id}", read)


def _content(project: Project, target_id: str, *, heldout: bool) -> str:
    """Return a hash of a target set's training images and labels, and of its held-out images."""

    def read() -> str:
        own = [[target.uid, target.label] for target in searching(project, target_id)]
        splits = target_layout.HELDOUT_SPLITS
        held = split_table.labelled(project.db, target_id, splits) if heldout else None
        others = [] if held is None else held.select(["uid", "phash"]).to_pylist()
        return hashing.fingerprint([own, others])

    return revision.once(project.db, f"target content:{target_id}:{heldout}", read)


def _prepared(project: Project, encoder_id: str) -> list[Any]:
    """Return the headers of the artefacts that a selection reads.

    Raises:
        InputError: near-duplicates are missing or out of date, or no pool image has features.
    """
    projects.pool_features(project, encoder_id)
    preparation.groups_by_uid(project, encoder_id)
    path = project.paths.index(encoder_id, "duplicates") / project_paths.HEADER
    known = preparation.calibration(project, encoder_id)
    index = _index_header(project, encoder_id)
    return [atomic.read_json(path), index, known["tau"], known["tau_leak"]]


def _index_header(project: Project, encoder_id: str) -> Any:
    """Return the header of the index that is searched; None for exact search."""
    pool = feature_store.kept(project.paths.pool_features(encoder_id))
    if not preparation.is_fresh(project, encoder_id, "index", pool):
        return None
    return atomic.read_json(project.paths.index(encoder_id, "index") / project_paths.HEADER)


def _distinct(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return targets without those that an earlier target set holds too."""
    found: dict[str, Target] = {}
    for target in targets:
        found.setdefault(target.uid, target)
    return tuple(found.values())


def _group(project: Project, request: Request) -> tuple[str, ...]:
    if not request.group:
        return ()
    return request.group, hashing.fingerprint(groups.members(project, request.group))


def _inside(project: Project, request: Request) -> np.ndarray:
    found = image_table.eligible(project.db, "pool", request.filter)
    if not request.group:
        return found
    return found[np.isin(found, _array(groups.members(project, request.group)))]


def _pool_count(project: Project) -> int:
    """Count distinct images whose bytes are known, and every file that has not been read yet."""
    counts = image_table.pool_counts(project.db)
    return sum(counts[state] for state in ("images", "waiting", "unreadable", "rejected"))


def _array(uids: Any) -> np.ndarray:
    return np.array(list(uids), hashing.UID_DTYPE)


def is_live(strategy: str) -> bool:
    """Return True if a decision only repeats a walk, so that a refill is seen at once."""
    return STRATEGIES[strategy].is_prefix and strategy != "coverage"
