"""Compare all strategies at several budgets on one project: purity, KID, redundancy and the funnel.

    python -m benchmarks.strategies PROJECT --labels $SEPT_DATA/pool-labels.csv

Hidden labels score the results; no strategy reads them. Prints a table in Markdown; KID is ×10³
against held-out targets, next to random images and the floor of half against half.
"""

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import targets as target_layout
from sept_core.catalogue import decision_table, place_table, source_table, split_table
from sept_core.features import feature_store
from sept_core.selection import diagnostics
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import contamination_guard, rankings
from sept_core.services.curate.requests import Request
from sept_core.services.project import projects
from sept_core.storage import hashing

VARIANTS: dict[str, dict[str, Any]] = {
    name: {"strategy": name} for name, strategy in STRATEGIES.items() if strategy.needs_budget
}
VARIANTS["instance-search, scaled"] = {"strategy": "instance-search", "local_scaling": True}

COLUMNS = (
    "target | budget | strategy | precision % | KID | KID random | KID floor | coverage | "
    "nearest other | considered | lost to duplicates | leaks | short because | seconds"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--targets", nargs="+", default=["pets", "food", "cifar10"])
    parser.add_argument("--budgets", nargs="+", type=int, default=[5000, 2500])
    parser.add_argument("--strategies", nargs="+", default=list(VARIANTS))
    options = parser.parse_args()
    print(f"| {COLUMNS} |", "|" + " --- |" * (COLUMNS.count("|") + 1), sep="\n", flush=True)
    with projects.opened(options.project) as project:
        for target in options.targets:
            bench = Bench(project, target, options.labels)
            for budget in options.budgets:
                for name in options.strategies:
                    settings = SelectionSettings(budget=budget, **VARIANTS[name])
                    row = " | ".join(bench.measure(settings))
                    print(f"| {target} | {budget} | {name} | {row} |", flush=True)


class Bench:
    """One target set: evidence, held-out features and true classes, read once."""

    def __init__(self, project: projects.Project, target: str, labels: Path) -> None:
        self.project, self.target = project, target
        encoder_id = projects.find_encoder(project, None)
        self.pool = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
        target_id = source_table.find(project.db, "target", target).id
        held = contamination_guard.heldout_images(project, encoder_id, target_id)
        self.heldout = held.store.vectors_of(held.uids)
        self.relevant = true_matches(project, target_id, labels)
        order = hashing.hashed_order(0, held.uids)
        halves = self.heldout[order[::2]], self.heldout[order[1::2]]
        self.floor = diagnostics.two_sample(*halves).kid
        self.random = hashing.hashed_order(1, self.pool.uids)
        self.random_kid: dict[int, float] = {}

    def measure(self, settings: SelectionSettings) -> list[str]:
        """Return one row, from "precision" on."""
        started = time.monotonic()
        ranking = rankings.ranking(self.project, Request((self.target,), settings))
        log = decision_table.log_of(self.project.db, ranking.target_ids)
        chosen = ranking.select(log.state, settings.budget)
        seconds = time.monotonic() - started
        uids = np.array(chosen.picks["uid"].to_pylist(), hashing.UID_DTYPE)
        subset = self.pool.vectors_of(uids)
        distance = diagnostics.two_sample(subset, self.heldout)
        precision = 100 * float(np.isin(uids, self.relevant).mean())
        funnel = chosen.funnel
        return [
            f"{precision:.1f}" if len(self.relevant) else "–",
            f"{distance.kid:.2f} ± {distance.kid_error or 0:.2f}",
            f"{self.random_distance(len(uids)):.2f}",
            f"{self.floor:.2f}",
            f"{diagnostics.coverage(self.heldout, subset):.2f}",
            f"{diagnostics.nearest_other(subset).mean():.3f}",
            f"{funnel['considered']:,}",
            f"{funnel['lost_to_duplicates']:,}",
            f"{funnel['in_filter'] - funnel['not_leaked']:,}",
            str(chosen.short_because or "–"),
            f"{seconds:.1f}",
        ]

    def random_distance(self, count: int) -> float:
        """KID of as many random pool images."""
        if count not in self.random_kid:
            sample = self.pool.gather(self.random[:count])
            self.random_kid[count] = diagnostics.two_sample(sample, self.heldout).kid
        return self.random_kid[count]


def true_matches(project: projects.Project, target_id: str, labels: Path) -> np.ndarray:
    """(n,) S32: the pool images whose hidden class is one of the target's."""
    rows = split_table.labelled(project.db, target_id, target_layout.SEARCH_SPLITS).to_pylist()
    wanted = {row["label"] for row in rows}
    with labels.open(newline="") as file:
        right = {row["key"] for row in csv.DictReader(file) if row["label"] in wanted}
    places = place_table.keys(project.db, "pool").to_pylist()
    uids = [row["uid"] for row in places if Path(row["rel_path"]).stem in right]
    return np.array(uids, hashing.UID_DTYPE)


if __name__ == "__main__":
    main()
