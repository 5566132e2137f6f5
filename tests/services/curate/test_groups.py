"""Named groups: of any size, and an oracle made of them."""

from pathlib import Path

import pytest

from sept_core import errors
from sept_core.services.curate import groups, selections
from sept_core.services.project import backups, projects
from sept_core.services.train import studies
from sept_core.services.train.studies import Study
from sept_core.storage import hashing


def test_a_group_holds_more_than_a_hundred_thousand_images(project: Path) -> None:
    many = [hashing.uid_of(number.to_bytes(4, "big")) for number in range(120_000)]
    with projects.opened(project) as opened:
        groups.save(opened, "many", many)
        assert groups.members(opened, "many") == many and groups.names(opened) == ["many"]
        backups.data(opened)
        with pytest.raises(errors.InputError, match="would be empty"):
            groups.save(opened, "none", [])


def test_the_oracle_draws_from_all_pool_images_with_a_label_of_the_target(
    project: Path,
) -> None:
    with projects.opened(project) as opened:
        opened.db.execute("UPDATE files SET label = 'red' WHERE rel_path LIKE 'red/%'")
        right = {
            uid
            for (uid,) in opened.db.execute(
                "SELECT uid FROM files WHERE rel_path LIKE 'red/%' AND source_id = 's1'"
            ).fetchall()
        }
        (arm,) = studies.plan(opened, Study("toys", ("oracle",), (16,), "moco", "resnet10-narrow"))
        drawn = set(selections.picks(opened, arm.selections[0])["uid"].to_pylist())
        assert len(drawn) == 16 and drawn <= right
        assert set(groups.members(opened, "oracle-toys")) == right and len(right) == 40
