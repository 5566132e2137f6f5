"""The paths of a project's files, and the valid names of its parts.

In: the folder of a project. Out: the path of each of its parts; nothing is read or written.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from sept_core import errors

HEADER = "header.json"

"""Written last into the folder of a derived artefact: its existence means that the artefact is
complete."""

CARD = "encoder.json"

"""File next to an encoder's stores that identifies the encoder."""

RUN_SETTINGS = "settings.json"

"""Written first into a run folder: the settings of the run."""

EVALUATIONS = "evaluations"
"""Folder next to those of the runs, so no run can have this name."""
RUN_HEADER = "run.json"
"""Written last into a run folder: the run is complete."""

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ProjectPaths:
    """All the paths inside one project folder; nothing else builds them by hand."""

    root: Path

    @property
    def catalogue(self) -> Path:
        return self.root / "catalogue.duckdb"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def encoders(self) -> Path:
        """Encoders that were fitted on this project's pool (`classic`)."""
        return self.root / "encoders"

    @property
    def maps(self) -> Path:
        return self.root / "maps"

    @property
    def indexes(self) -> Path:
        return self.root / "indexes"

    @property
    def selections(self) -> Path:
        return self.root / "selections"

    @property
    def thumbnails(self) -> Path:
        return self.root / "thumbnails"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def features(self, encoder_id: str) -> Path:
        """The folder of one encoder's feature stores."""
        return self.root / "features" / encoder_id

    def pool_features(self, encoder_id: str) -> Path:
        return self.features(encoder_id) / "pool"

    def target_features(self, encoder_id: str, target: str, *, heldout: bool = False) -> Path:
        """The searching part and the held-out part never share a store."""
        return self.features(encoder_id) / "targets" / target / ("heldout" if heldout else "search")

    def index(self, encoder_id: str, name: str) -> Path:
        """`graph`, `ivf`, `duplicates`, `calibration`: what is derived from pool features."""
        return self.indexes / encoder_id / name

    def map(self, encoder_id: str) -> Path:
        return self.maps / encoder_id

    def cards(self) -> list[Path]:
        """The card of every encoder that has features here, in order of the ids."""
        return sorted(self.root.glob(f"features/*/{CARD}"))

    def run_settings(self) -> list[Path]:
        """The settings of every run, in order of the names."""
        return sorted(self.runs.glob(f"*/{RUN_SETTINGS}"))

    def selection(self, selection_id: str) -> Path:
        return self.selections / f"{selection_id}.parquet"

    @property
    def rankings(self) -> Path:
        """Cache of rankings: may be deleted at any time."""
        return self.root / "rankings"

    def ranking(self, key: str) -> Path:
        return self.rankings / key

    def job(self, job_id: str) -> Path:
        return self.jobs / job_id

    def run(self, run_id: str) -> Path:
        return self.runs / run_id


def expanded(text: str | Path) -> Path:
    """Return a path with a leading `~` or `~user` replaced by that home folder.

    A shell does so only at the beginning of a word, not in `--out=~/x`. Unknown users are left
    unchanged, since a folder may be called `~x`, as are variables, which the shell replaces.
    """
    return Path(os.path.expanduser(text))  # noqa: PTH111  (Path's own refuses unknown users)


def check_name(name: str, what: str) -> str:
    """Return `name` if it is safe as a file name and a command-line word.

    Raises:
        InputError: the name is not safe.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise errors.InputError(
            f"{what} name {name!r} is invalid; use 1 to 64 letters, digits, dots, dashes or "
            "underscores, beginning with a letter or digit."
        )
    return name
