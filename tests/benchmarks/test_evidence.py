"""The evidence protocol: order, rows on disk, and a summary that claims nothing too early."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.evidence import __main__ as evidence
from benchmarks.evidence import continued, protocol, rounds, summary
from benchmarks.evidence.rows import Rows

N_TEST = 40
TRUE = {"random": 0.5, "instance-search": 0.75}


def _fill(
    rows: Rows,
    seeds: int,
    tasks: tuple[str, ...] = protocol.ENDPOINT_TASKS,
    shares: dict[str, float] = TRUE,
    **facts: object,
) -> None:
    """Add made-up rows: by default curated classifies ten more of 40 images, with some noise."""
    rng = np.random.default_rng(0)
    for seed in range(seeds):
        for task in tasks:
            for arm, share in shares.items():
                correct = {}
                for readout, labels in protocol.READOUTS:
                    draws = 1 if labels == "all" or readout == "finetune" else protocol.DRAWS
                    right = int(share * N_TEST) + rng.integers(-1, 2, draws)
                    bits = np.arange(N_TEST) < right[:, None]
                    correct[f"{readout} {labels}"] = bits
                scores = {name: bits.mean(axis=1).tolist() for name, bits in correct.items()}
                row = {
                    "part": "A", "pool": "mixed", "arm": arm, "task": task, "seed": seed,
                    "n_test": N_TEST, "subset": 2500, "scores": scores,
                }  # fmt: skip
                rows.append(row | facts, correct)


def test_rows_survive_on_disk(tmp_path: Path) -> None:
    _fill(Rows(tmp_path), 1, ("plants",))
    again = Rows(tmp_path)
    assert again.has("mixed", "random", "plants", 0) and not again.has(
        "mixed", "random", "plants", 1
    )
    for row in again.all:
        for readout, accuracies in row["scores"].items():
            bits = again.correct(row, readout)
            assert bits.shape == (len(accuracies), N_TEST)
            assert bits.mean(axis=1).tolist() == accuracies


def test_the_protocol_is_seed_major_and_of_the_registered_size() -> None:
    trained = {
        part.name: [r for r in protocol.planned(part) if r.arm.strategy] for part in protocol.PARTS
    }
    assert {name: len(runs) for name, runs in trained.items()} == {"A": 20, "B": 15, "C": 42}
    for runs in trained.values():
        assert [run.seed for run in runs] == sorted(run.seed for run in runs)
    assert trained["A"][0].tasks == protocol.ENDPOINT_TASKS, "random is shared by the tasks"
    for part in protocol.PARTS:
        own = [run for run in protocol.planned(part) if not run.same_for_all_seeds]
        assert len({run.name for run in own}) == len(own)


def test_partial_data_are_marked_and_decide_nothing(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    assert "Registered n not reached**: 0 of 5" in summary.markdown(rows)
    _fill(rows, 3)
    text = summary.markdown(rows)
    assert "Registered n not reached**: 3 of 5" in text and "pays" not in text
    assert "| satellite | 3 | +" in text and "### plants (mixed pool)" in text


def test_one_task_of_a_seed_does_not_count_for_the_endpoint(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    _fill(rows, 2)
    table = summary.Table(rows)
    rows.all = [r for r in rows.all if (r["task"], r["seed"]) != ("plants", 1)]
    assert table.seeds("mixed", tuple(TRUE), protocol.ENDPOINT_TASKS) == [0, 1]
    assert summary.Table(rows).seeds("mixed", tuple(TRUE), protocol.ENDPOINT_TASKS) == [0]


def test_the_whole_protocol_gives_the_verdict(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    _fill(rows, 5)
    text = summary.markdown(rows)
    assert "**Curation pays** (+2" in text and "not reached" not in text.split("###")[0]
    assert "Each arm − random, points" in text and "| instance-search | 5 | **+2" in text
    table = summary.Table(rows)
    values = [
        summary.paired(table, "mixed", task, "linear 10-shot", list(range(5))).mean(axis=1)
        for task in protocol.ENDPOINT_TASKS
    ]
    assert np.mean(values) == pytest.approx(0.25, abs=0.02)
    assert summary.points(np.mean(values)) in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.01, -0.01, 0.012, -0.012, 0.001], "Not distinguishable"),
        ([-0.03, -0.031, -0.029, -0.03, -0.032], "Random is better"),
        ([0.03, 0.031, 0.029, 0.03, 0.032], "Curation pays"),
        ([0.3, 0.1, 0.5, 0.2, 0.6], "Registered n not reached**: 5 of 10"),
        ([0.03, 0.031, 0.029, 0.03, 0.032, 0.9], "Not distinguishable"),
    ],
)
def test_verdicts(values: list[float], said: str) -> None:
    assert said in summary.verdict(list(range(len(values))), np.array(values))


@pytest.mark.parametrize(("deviation", "seeds"), [(0.016, 5), (0.017, 6), (0.2, 10)])
def test_seeds_grow_once_from_the_spread_alone(deviation: float, seeds: int) -> None:
    """With 5 seeds the half-width is 2.776 × 1.6 / √5 = 1.99 points."""
    first = np.array([-1, -1, 0, 1, 1]) * deviation
    for middle in (0.0, 0.5):
        assert summary.seeds_needed(middle + first) == seeds
        assert summary.seeds_needed(np.append(middle + first, [9.0, -9.0])) == seeds
    assert summary.seeds_needed(first[:4]) == 5


def test_the_script_runs_the_seeds_that_the_spread_asks_for(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    assert summary.registered_seeds(rows) == 5
    _fill(rows, 5)
    assert summary.registered_seeds(rows) == 5
    assert {run.seed for run in evidence.planned(["A"], rows)} == set(range(5))
    for row in rows.all:
        row["scores"]["linear 10-shot"] = [x + 0.1 * row["seed"] * (row["arm"] != "random")
                                           for x in row["scores"]["linear 10-shot"]]  # fmt: skip
    grown = [run for run in evidence.planned(["A"], rows) if run.seed >= 5]
    assert {run.seed for run in grown} == set(range(5, 10))
    assert {run.arm.name for run in grown} == set(TRUE)


def test_rounds_are_compared_with_random_of_part_a(tmp_path: Path) -> None:
    part_a, own = Rows(tmp_path / "a"), Rows(tmp_path / "rounds")
    facts = {"weights": {"Forest": 2.0}, "new": 300, "error": 0.25}
    _fill(part_a, 3, settings={"steps": 3000})
    _fill(own, 3, rounds.TASKS, {"round-1": 0.6, "round-2": 0.8}, settings={"steps": 3000}, **facts)
    text = rounds.markdown(own, part_a)
    assert "| 0 | 2 | Forest 2 | 300 | 25.0 |" in text
    assert "| round-2 − round-1 | 3 | **+2" in text and "| round-2 − random | 3 | **+3" in text


def test_rounds_refuse_a_random_arm_with_other_settings(tmp_path: Path) -> None:
    part_a, own = Rows(tmp_path / "a"), Rows(tmp_path / "rounds")
    _fill(part_a, 1, settings={"steps": 1000})
    shares, facts = {"round-1": 0.6, "round-2": 0.8}, {"weights": {}, "new": 0, "error": 0.2}
    _fill(own, 1, rounds.TASKS, shares, settings={"steps": 3000}, **facts)
    with pytest.raises(AssertionError, match="settings differ"):
        rounds.markdown(own, part_a)


def test_continued_networks_are_compared_with_frozen_ones_and_from_scratch(tmp_path: Path) -> None:
    planned = list(continued.planned())
    assert len({run.name for run in planned}) == len(planned) == 3 * (2 + 2 * 3)
    assert set(continued.ARMS) == {arm for pair in continued.pairs() for arm in pair[1:]}
    own, part_a = Rows(tmp_path / "own"), Rows(tmp_path / "a")
    shares = {arm: 0.8 if arm.startswith("continue") else 0.5 for arm in continued.ARMS[2:]}
    _fill(own, 3, continued.TASKS, shares, training_cpu_seconds=120.0)
    _fill(part_a, 3, training_cpu_seconds=60.0)
    text = continued.markdown(own, part_a)
    assert "| continue-bundled-random | 2.0 |" in text and "| instance-search | 1.0 |" in text
    assert "| continue-bundled: curated − frozen | 3 | **+3" in text
    assert "| from scratch: curated − random | 3 | **+2" in text
