"""Every bad input is refused in a sentence, listed with its reason, or harmless. Nothing else."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.hostile import archives, corpus, pixel_values, pools, readers

CASES = [*corpus.every(), *archives.every(), *pixel_values.every(), *pools.every()]
PATIENCE = 60  # seconds after which a case counts as hanging, on a shared machine


@contextmanager
def no_hang() -> Iterator[None]:
    def give_up(signum: int, frame: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_the_corpus_is_large_and_no_two_cases_have_a_name() -> None:
    names = Counter(case.name for case in CASES)
    assert len(CASES) >= 200 and names.most_common(1)[0][1] == 1


@pytest.mark.filterwarnings("default")  # a warning on a bad file is no crash
@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.name))
def test_case(case: corpus.Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, elsewhere = tmp_path / "inside", tmp_path / "elsewhere"
    inside.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)  # where relative paths and unpickled code would leave something
    path = case.write(inside)
    with no_hang():
        problem = readers.judge(case, path)
    assert problem is None, f"{case.name}: {problem}"
    assert readers.seen(elsewhere) == set(), "something was written outside"
    assert {name.split("/")[0] for name in readers.seen(tmp_path)} == {"inside", "elsewhere"}
    assert not os.path.lexists("/absolute.png") and not os.path.lexists(tmp_path / "outside.png")
