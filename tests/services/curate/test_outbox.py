"""The lossless outbox: steps count once, all or none, with scopes, targets, undo and redo."""

from pathlib import Path

import pytest

from sept_core import errors
from sept_core.catalogue import decision_table, image_table, source_table, split_table
from sept_core.services.curate import decisions, outbox
from sept_core.services.curate.outbox import Step
from sept_core.services.project import projects
from sept_core.services.project.project import Project


def context(project: Project) -> str:
    return source_table.find(project.db, "target", "toys").id


def marks(project: Project) -> dict[str, str]:
    state = decision_table.log_of(project.db, [context(project)]).state
    return {uid: made.action for uid, made in state.decisions.items()}


def pool(project: Project) -> list[str]:
    return [uid.decode() for uid in image_table.eligible(project.db)[:6].tolist()]


def test_steps_sent_again_count_once_even_after_a_restart(project: Path) -> None:
    with projects.opened(project) as opened:
        a, b, *_ = pool(opened)
        steps = [Step("tab", 1, "veto", (a,)), Step("tab", 2, "keep", (b,), reason="right ")]
        outbox.apply(opened, context(opened), steps[:1])
        outbox.apply(opened, context(opened), steps)
    with projects.opened(project) as opened:
        outbox.apply(opened, context(opened), steps)
        assert marks(opened) == {a: "veto", b: "keep"}
        assert outbox.acknowledged(opened) == {"tab": 2}
        assert [e["reason"] for e in decisions.history(opened, ["toys"])] == ["", "right"]


def test_undo_redo_and_undo_to(project: Path) -> None:
    with projects.opened(project) as opened:
        a, b, c, *_ = pool(opened)
        here = context(opened)
        steps = [Step("t", n, "veto", (uid,)) for n, uid in enumerate((a, b, c), 1)]
        outbox.apply(opened, here, [*steps, Step("t", 4, "undo")])
        assert marks(opened) == {a: "veto", b: "veto"}
        outbox.apply(opened, here, [Step("t", 5, "redo")])
        assert marks(opened) == {a: "veto", b: "veto", c: "veto"}
        outbox.apply(opened, here, [Step("t", 6, "undo-to", to=1)])
        assert marks(opened) == {a: "veto"}
        outbox.apply(opened, here, [Step("t", 7, "undo-to", to=0), Step("t", 8, "undo")])
        assert marks(opened) == {} and outbox.acknowledged(opened) == {"t": 8}


def test_a_scope_is_committed_with_all_its_images(project: Path) -> None:
    with projects.opened(project) as opened:
        uids = tuple(pool(opened))
        outbox.apply(opened, context(opened), [Step("t", 1, "veto", uids, "cluster", "blurred")])
        (event,) = decisions.history(opened, ["toys"])
        assert (event["scope"], event["uids"], event["reason"]) == ("cluster", uids, "blurred")


def test_a_target_is_vetoed_and_taken_back(project: Path) -> None:
    with projects.opened(project) as opened:
        here = context(opened)
        target = split_table.searching(opened.db, here)[0].decode()
        outbox.apply(opened, here, [Step("t", 1, "veto", (target,), "target")])
        assert decision_table.log_of(opened.db, [here]).state.vetoed_targets == {target}
        outbox.apply(opened, here, [Step("t", 2, "keep", (target,), "target")])
        assert not decision_table.log_of(opened.db, [here]).state.vetoed_targets


@pytest.mark.parametrize(
    "step",
    [
        Step("t", 2, "veto", ("f" * 32,)),
        Step("t", 2, "veto", ()),
        Step("t", 2, "delete", ("f" * 32,)),
        Step("t", 2, "undo-to"),
        Step("t", 2, "veto", ("f" * 32,), "target"),
        Step("t", 2, "veto", ("f" * 32,), "everything"),
    ],
)
def test_a_batch_is_saved_whole_or_not_at_all(project: Path, step: Step) -> None:
    with projects.opened(project) as opened:
        first = Step("t", 1, "veto", (pool(opened)[0],))
        with pytest.raises(errors.InputError, match="reload the page"):
            outbox.apply(opened, context(opened), [first, step])
        assert marks(opened) == {} and outbox.acknowledged(opened) == {}


def test_decisions_need_target_sets_that_exist(project: Path) -> None:
    with projects.opened(project) as opened:
        step = Step("t", 1, "veto", (pool(opened)[0],))
        with pytest.raises(errors.NotFoundError, match="was removed"):
            outbox.apply(opened, "s99", [step])
        with pytest.raises(errors.InputError, match="choose one first"):
            outbox.apply(opened, "", [step])
