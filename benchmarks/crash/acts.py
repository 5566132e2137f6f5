"""Actions that a scenario runs in a separate process, reported on stdout line by line.

python -m benchmarks.crash.acts decide PROJECT
"""

import json
import sys
from pathlib import Path

from sept_core.catalogue import connection
from sept_core.services.curate import decisions, selections
from sept_core.services.project import projects

DECISIONS = 150
ACTIONS = ("veto", "keep", "pin", "negative")


def decide(folder: Path) -> None:
    """Decide on picks one by one; each line follows its acknowledgement."""
    with projects.opened(folder) as project:
        (record, *_) = selections.every(project)
        uids = selections.picks(project, record["id"])["uid"].to_pylist()
        for number in range(DECISIONS):
            uid, action = uids[number % len(uids)], ACTIONS[number % len(ACTIONS)]
            done = decisions.decide(project, ["target"], action, [uid])
            print(json.dumps([done["position"], action, uid]), flush=True)


def migrate(folder: Path) -> None:
    """Open a catalogue, which brings it to the newest schema."""
    connection.connect(folder / "catalogue.duckdb").close()


if __name__ == "__main__":
    {"decide": decide, "migrate": migrate}[sys.argv[1]](Path(sys.argv[2]))
