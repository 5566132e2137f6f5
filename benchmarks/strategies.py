"""Every strategy at several budgets on one project: purity, KID, redundancy and the funnel.

    python -m benchmarks.strategies PROJECT --labels $SEPT_DATA/pool-labels.csv

Hidden labels score the results; nothing that selects reads them. Prints a table in Markdown.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.pipeline import curation, diagnosing, projects
from sept_core.selection.settings import STRATEGIES, SelectionSettings

VARIANTS: dict[str, dict[str, Any]] = {
    name: {"strategy": name}
    for name, strategy in STRATEGIES.items()
    if strategy.needs_budget and name != "target-images-only"
}
VARIANTS["instance-search, scaled"] = {"strategy": "instance-search", "local_scaling": True}

COLUMNS = (
    "target | budget | strategy | precision % | KID×10³ | random | floor | coverage | "
    "nearest other | considered | lost to duplicates | leaks | short because | seconds"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--targets", nargs="+", default=["pets", "food", "cifar10"])
    parser.add_argument("--budgets", nargs="+", type=int, default=[2500, 5000])
    parser.add_argument("--encoder")
    options = parser.parse_args()
    print(f"| {COLUMNS} |", "|" + " --- |" * (COLUMNS.count("|") + 1), sep="\n", flush=True)
    with projects.opened(options.project) as project:
        for target in options.targets:
            for budget in options.budgets:
                for name, chosen in VARIANTS.items():
                    settings = SelectionSettings(budget=budget, **chosen)
                    request = curation.Request((target,), settings, options.encoder)
                    row = measure(project, request, options.labels)
                    print(f"| {target} | {budget} | {name} | {' | '.join(row)} |", flush=True)


def measure(project: projects.Project, request: curation.Request, labels: Path) -> list[str]:
    """One row, from "precision" on; a strategy that refuses gives its sentence."""
    started = time.monotonic()
    try:
        record = curation.select(project, request)
    except errors.InputError as problem:
        return [str(problem)]
    seconds = time.monotonic() - started
    found = diagnosing.report(project, record["id"], labels=labels)
    funnel = record["funnel"]
    precision = 100 * found["precision"]
    return [
        f"{precision:.1f}" if precision else "–",
        f"{found['kid']:.2f} ± {found['kid_error']:.2f}",
        f"{found['kid_random']:.2f}",
        f"{found['kid_floor']:.2f}",
        f"{found['coverage']:.2f}",
        f"{found['nearest_in_subset']:.3f}",
        f"{funnel['considered']:,}",
        f"{funnel['lost_to_duplicates']:,}",
        f"{funnel['not_vetoed'] and funnel['in_filter'] - funnel['not_leaked']:,}",
        str(record["short_because"] or "–"),
        f"{seconds:.1f}",
    ]


if __name__ == "__main__":
    main()
