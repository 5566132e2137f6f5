"""Tables in every dialect: the rows that went in are listed, or one sentence says why not."""

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.hostile import tables
from sept_core import errors
from sept_core.filesystem import safe_paths
from sept_core.ingest import sources


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_the_rows_that_went_in_are_listed(tmp_path: Path, seed: int) -> None:
    home = tmp_path / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    made = tables.make(home, random.Random(seed))
    try:
        spec = sources.detect("pool", made.path)
        entries = list(sources.scan(spec))
    except errors.SourceError as refused:
        assert str(refused).endswith(".") and "\n\n" not in str(refused)
        return
    broken = [e for e in entries if e.problem and e.problem.startswith("broken row in line")]
    good = [entry for entry in entries if entry not in broken]
    assert len(broken) == made.broken, made.told
    assert [entry.problem for entry in good] == [None] * len(made.files), made.told
    files = [str(spec.root / safe_paths.original(entry.rel_path)) for entry in good]
    assert files == [str(home / name) for name in made.files], made.told
    if made.has_names:
        assert [dict(entry.metadata) for entry in good] == made.values, made.told


@pytest.mark.parametrize("kind", tables.KINDS)
def test_every_kind_is_made(tmp_path: Path, kind: str) -> None:
    draws = (random.Random(seed) for seed in range(200))
    made = (tables.make(_empty(tmp_path / str(n)), draw) for n, draw in enumerate(draws))
    assert any(table.told.startswith(kind) for table in made)


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder
