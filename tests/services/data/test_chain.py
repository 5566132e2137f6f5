"""Steps that follow an embedding, and a trial of an encoder's speed."""

from pathlib import Path

from sept_core.jobs import launcher
from sept_core.services.data import chain, embedding, inspection
from sept_core.services.project import projects, recent


def test_the_chain_runs_to_its_end_and_only_when_asked(project: Path) -> None:
    kinds = []
    with projects.opened(project) as opened:
        assert chain.advance(opened) is None
        chain.ask(opened)
        while (job := chain.advance(opened)) is not None:
            assert chain.advance(opened) is None, "one at a time"
            ended = list(launcher.follow(opened.paths, job.id))[-1]
            assert ended.state == "done", ended.reason
            kinds.append(ended.kind)
        assert chain.advance(opened) is None
    assert kinds == ["map"], "the project was prepared, but had no map"


def test_speed_is_measured_once_asked(project: Path) -> None:
    with projects.opened(project) as opened:
        assert embedding.measured_speed(opened, "classic") is None
        job = embedding.try_speed(opened, "classic")
        ended = list(launcher.follow(opened.paths, job.id))[-1]
        assert ended.state == "done", ended.reason
        rate = embedding.measured_speed(opened, "classic")
        assert rate is not None and rate > 0
        assert embedding.measured_speed(opened, "timm:resnet18") is None


def test_the_pool_is_described(project: Path) -> None:
    with projects.opened(project) as opened:
        spreads = inspection.quality(opened)
        copies = inspection.copies(opened)
        reach = inspection.reach(opened, "toys")
        labels = inspection.labels(opened, "toys")
        red = inspection.examples(opened, "toys", "train", "red")
        each = inspection.examples(opened, "toys", "train", None)
    assert all(spread.counts.sum() == 161 for spread in spreads.values())
    assert copies["exact"] == 1 and copies["groups"] >= 1
    assert reach.nearest.sum() == 12 and 0 <= reach.at_random <= 1
    assert [s for _, s in reach.weakest] == sorted(s for _, s in reach.weakest)
    assert labels == {"test": {"blue": 4, "red": 5}, "train": {"blue": 6, "red": 6}}
    assert len(set(red)) == 6 and {label for _, label in red} == {"red"}
    assert [label for _, label in each] == ["blue"] * 4 + ["red"] * 4


def test_known_projects_are_listed_latest_first(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        projects.init(folder)
        recent.remember(folder, folder.name.title())
    assert [known.title for known in recent.every()] == ["Two", "One"]
    assert recent.find(recent.key_of(folders[0])) == folders[0]
    projects.delete(folders[1])
    assert [known.folder for known in recent.every()] == [folders[0]]
    recent.forget(folders[0])
    assert recent.every() == []
