"""Cached values of a process, asked for by one thread and by many."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sept_core.storage.recent import Recent


def test_the_values_used_last_are_kept() -> None:
    made: list[str] = []
    kept = Recent[str, int](2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(key, lambda key=key: made.append(key) or len(made)) > 0  # type: ignore
    assert made == ["a", "b", "c", "b"]
    assert kept.find("a") == 1 and kept.find("c") is None


def test_values_are_replaced_and_forgotten() -> None:
    kept = Recent[str, int](3)
    for number, key in enumerate("abc"):
        kept.put(key, number)
    kept.put("a", 9)
    assert kept.find("a") == 9
    kept.forget(lambda key: key in "ab")
    assert [kept.find(key) for key in "abc"] == [None, None, 2]
    kept.clear()
    assert kept.find("c") is None


def test_many_threads_make_a_value_once() -> None:
    kept, made, started = Recent[str, int](2), [], threading.Barrier(8)

    def ask(_: int) -> int:
        started.wait(timeout=10)
        return kept.get("a", lambda: made.append(1) or len(made))  # type: ignore[func-returns-value]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {1}
    assert made == [1]


def test_what_is_kept_does_not_wait_for_what_is_made() -> None:
    kept, making, done = Recent[str, int](2), threading.Event(), threading.Event()
    kept.put("ready", 1)

    def slow() -> int:
        making.set()
        assert done.wait(timeout=10)
        return 2

    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(kept.get, "slow", slow)
        assert making.wait(timeout=10)
        assert kept.get("ready", lambda: pytest.fail("made again")) == 1
        done.set()
        assert later.result() == 2


def test_a_value_may_be_made_of_another_and_a_failure_is_not_kept() -> None:
    kept = Recent[str, int](2)
    assert kept.get("a", lambda: kept.get("b", lambda: 1) + 1) == 2
    with pytest.raises(ZeroDivisionError):
        kept.get("c", lambda: 1 // 0)
    assert kept.get("c", lambda: 3) == 3
