"""An encoder of one's own: trained on a random part of the pool, then the pool embedded with it."""

import json
from pathlib import Path

import pytest
import small_runs
from small_project import sept

from sept_core import errors
from sept_core.pretrain import worker
from sept_core.services.curate import selections
from sept_core.services.data import chain, collections
from sept_core.services.project import projects
from sept_core.services.train import own_encoder

METHOD, BACKBONE, TINY = small_runs.RECIPE


def test_embedding_follows_the_training(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs.hold(monkeypatch)
    with projects.opened(project) as opened:
        job = own_encoder.start(opened, 40, METHOD, BACKBONE, dict(TINY))
        (made,) = selections.every(opened)
        assert (made["settings"]["strategy"], made["count"]) == ("random", 40)
        assert chain.advance(opened) is None, "not before it is trained"
        small_runs.work_off(job, worker.main)
        embed = chain.advance(opened)
        assert embed is not None
        assert embed.settings()["encoder"].startswith("checkpoint:")
        assert chain.advance(opened) is None, "once"


def test_without_a_target_set_nothing_could_be_kept_out(project: Path) -> None:
    with projects.opened(project) as opened:
        for name in collections.names(opened, "target"):
            collections.remove(opened, "target", name)
        with pytest.raises(errors.InputError, match="target set first"):
            own_encoder.start(opened, 40, METHOD, BACKBONE, dict(TINY))


def test_one_command_trains_and_embeds(project: Path) -> None:
    words = ("--images", 30, "--method", "simclr", "--backbone", "resnet10-tiny", "--steps", 2)
    done = sept("train-encoder", project, *words, "--batch-size", 4, "--image-size", 16, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["encoder_id"].startswith("checkpoint-simclr-resnet10-tiny")
    with projects.opened(project) as opened:
        assert projects.find_encoder(opened, None) == found["encoder_id"]
        assert projects.find_encoder_record(opened, None)["kind"] == "self-supervised"
