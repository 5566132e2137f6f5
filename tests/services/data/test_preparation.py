"""Pools above the exact limit are searched through an index, made again when it is out of date."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sept_core.jobs import launcher
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import selections
from sept_core.services.data import preparation
from sept_core.services.project import projects
from sept_core.storage import atomic


@pytest.fixture(autouse=True)
def every_pool_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "EXACT_LIMIT", 100)


def prepare(project: projects.Project, encoder: str) -> list[str]:
    """The steps that were run until nothing was left to do."""
    done = []
    while job := preparation.next_job(project, encoder):
        *_, status = launcher.follow(project.paths, job.path.name)
        assert status.state == "done", status.reason
        done.append(status.kind)
    return done


def test_a_large_pool_is_searched_through_its_index(project: Path) -> None:
    request = selections.Request(("toys",), SelectionSettings(budget=20))
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        exact = selections.select(opened, request)
        assert prepare(opened, encoder) == ["index"]
        record = selections.select(opened, request)
        assert record["index"]["id"].startswith("ivf-") and record["index"]["recall"] == 1
        header = atomic.read_json(opened.paths.index(encoder, "index") / "header.json")
        assert header["recall_queries"] == 6, "half of the target's training images measure it"
        uids = [selections.picks(opened, one["id"])["uid"].to_pylist() for one in (exact, record)]
        assert uids[0] == uids[1]


def test_an_index_of_an_earlier_format_is_made_again(project: Path) -> None:
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        prepare(opened, encoder)
        path = opened.paths.index(encoder, "index") / "header.json"
        atomic.write_json(path, atomic.read_json(path) | {"format": 1})
        assert prepare(opened, encoder) == ["index"]
        assert prepare(opened, encoder) == []


def test_groups_by_uid_are_a_mapping_like_any(project: Path) -> None:
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        found = preparation.groups_by_uid(opened, encoder)
        table = pq.read_table(opened.paths.index(encoder, "duplicates") / "groups.parquet")
        rows = zip(table["uid"].to_pylist(), table["group"].to_pylist(), strict=True)
        plain = {uid.encode(): group for uid, group in rows}
        assert len(plain) > 1 and dict(found) == plain == dict(found.items())
        assert list(found.values()) == list(plain.values())
        for uid, group in plain.items():
            others = [u for u, g in plain.items() if g == group and u != uid]
            assert found.fellows(uid) == others and found[uid] == group
        assert found.get(b"0" * 32) is None and found.fellows(b"f" * 32) == []
        assert preparation.groups_by_uid(opened, encoder) is found, "read once"
