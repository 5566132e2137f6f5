"""Rankings: what a selection is walked from, kept by content for all tabs.

In: an open project and a request. Out: a `Ranking`: everything that a selection needs besides the
review decisions and the budget, so that a decision or another budget only repeats the walk. Its
key is that of the request's `standings.Standing`.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.catalogue import decision_table
from sept_core.features import feature_store
from sept_core.index import graph, ivf
from sept_core.review import decision_log
from sept_core.selection import gate, run, weights
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import (
    contamination_guard,
    own_images,
    row_space,
    standings,
    stored_lists,
)
from sept_core.services.curate.pool_view import PoolEvidence
from sept_core.services.curate.ranking_base import Base
from sept_core.services.curate.requests import Request
from sept_core.services.curate.standings import Standing, Target
from sept_core.services.data import preparation
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

    def __init__(self, project: Project, request: Request, standing: Standing) -> None:
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
        searching = _array([target.uid for target in self.targets])
        inside = standings.inside(project, request)
        self._base = _bases.get(
            (paths.root, standing.base, device),
            lambda: Base(
                paths.ranking(standing.base),
                pool,
                lambda: PoolEvidence(
                    pool=pool,
                    targets=stores,
                    searching=searching,
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
        self._pool_count = standings.pool_count(project)
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
        """Set the note that `progress` reports."""
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


_held = Recent[tuple[Path, str], Ranking](HELD)
_bases = Recent[tuple[Path, str, str], Base](HELD)


def ranking(project: Project, request: Request) -> Ranking:
    """Return the ranking of a request; nothing is ranked before it is asked for picks.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the preparations are missing.
        LeakError: the guard is on and cannot run.
    """
    known = standings.find(project, request)
    return _held.get((project.paths.root, known.key), lambda: Ranking(project, request, known))


def remember(project: Project, request: Request) -> str:
    """Store a request under the key of its ranking, so that `find` finds it; return the key.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the preparations are missing.
    """
    known = standings.find(project, request)
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


def _distinct(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return targets without those that an earlier target set holds too."""
    found: dict[str, Target] = {}
    for target in targets:
        found.setdefault(target.uid, target)
    return tuple(found.values())


def _array(uids: Any) -> np.ndarray:
    return np.array(list(uids), hashing.UID_DTYPE)


def is_live(strategy: str) -> bool:
    """Return True if a decision only repeats a walk, so that a refill is seen at once."""
    return STRATEGIES[strategy].is_prefix and strategy != "coverage"
