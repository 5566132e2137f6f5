"""The map's numbers: areas against a slow reference, colours, neighbours, groups."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_project import sept

from sept_core import errors
from sept_core.pipeline import collections, curation, deciding, groups, mapview, projects
from sept_core.selection.settings import SelectionSettings

corner = st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32))


def some_map(places: np.ndarray) -> mapview.Map:
    count = len(places)
    uids = np.array([f"{i:032x}" for i in range(count)], "S32")
    return mapview.Map("r", uids, places.astype(np.float32), np.zeros(count, np.int64), {})


@given(st.lists(corner, min_size=1, max_size=30), st.lists(corner, min_size=3, max_size=8))
def test_an_area_holds_what_a_ray_crosses_oddly(
    places: list[tuple[float, float]], polygon: list[tuple[float, float]]
) -> None:
    drawn = some_map(np.array(places))
    expected = []
    for row, (x, y) in enumerate(drawn.places.astype(float).tolist()):
        odd = False
        for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                odd = not odd
        if odd:
            expected.append(row)
    assert mapview.inside(drawn, polygon).tolist() == expected


def test_points_are_sent_in_four_bytes() -> None:
    drawn = some_map(np.array([[0.0, 1.0], [0.5, 0.25]]))
    assert np.frombuffer(drawn.points(), "<u2").tolist() == [0, 65535, 32768, 16384]
    assert mapview.nearest(drawn, 0.5, 0.3, 0.1) == drawn.uids[1].decode()
    assert mapview.nearest(drawn, 0.5, 0.8, 0.1) is None
    assert len(mapview.inside(drawn, [(0, 0), (1, 1)])) == 0, "two corners are no area"


@pytest.fixture
def mapped(project: Path) -> Path:
    assert sept("map", project).returncode == 0
    return project


def test_every_colour_counts_every_point(mapped: Path) -> None:
    with projects.opened(mapped) as project:
        encoder = projects.find_encoder(project, None)
        drawn = mapview.load(project, encoder)
        assert len(drawn.uids) == 161 and list(drawn.targets) == ["toys"]
        request = curation.Request(("toys",), SelectionSettings(budget=9))
        record = curation.select(project, request)
        picked = curation.picks(project, record["id"])["uid"].to_pylist()
        before = mapview.colour_revision(project, encoder, drawn, "decision:toys")
        deciding.decide(project, ["toys"], "veto", picked[:2])
        assert mapview.colour_revision(project, encoder, drawn, "decision:toys") != before
        for by in mapview.colour_choices(project, drawn):
            found = mapview.colour(project, encoder, drawn, by)
            assert found.classes.shape == (161,) and found.classes.max() < len(found.palette)
            assert sum(entry["count"] for entry in found.legend) <= 161
        decided = mapview.colour(project, encoder, drawn, "decision:toys")
        assert decided.legend[0]["label"] == "vetoed" and decided.legend[0]["count"] == 2
        chosen = mapview.colour(project, encoder, drawn, f"selection:{record['id']}")
        assert chosen.legend[0]["count"] == 9
        with pytest.raises(errors.NotFoundError, match="cannot be coloured"):
            mapview.colour(project, encoder, drawn, "magic")
        near = mapview.neighbours(project, encoder, picked[0], 5)
        assert len(near) == 5 and picked[0] not in dict(near)
        assert [s for _, s in near] == sorted((s for _, s in near), reverse=True)


def test_groups_narrow_selections_and_become_targets(project: Path) -> None:
    with projects.opened(project) as opened:
        request = curation.Request(("toys",), SelectionSettings(budget=20))
        uids = curation.picks(opened, curation.select(opened, request)["id"])["uid"].to_pylist()
        groups.save(opened, "mine", uids[:8])
        deciding.decide(opened, ["toys"], "veto", uids[:1])
        whole = SelectionSettings(strategy="whole-pool")
        made = curation.select(opened, curation.Request(("toys",), whole, group="mine"))
        picked = curation.picks(opened, made["id"])["uid"].to_pylist()
        assert set(picked) <= set(uids[1:8]) and len(picked) >= 5
        assert curation.again(opened, made["id"])["id"] == made["id"]
        assert groups.add_to_target(opened, "new", uids[:3]) == 3
        assert groups.add_to_target(opened, "new", uids[2:5]) == 2
        assert "new" in collections.names(opened, "target")
        with pytest.raises(errors.InputError, match="another folder"):
            groups.add_to_target(opened, "toys", uids[:1])
        groups.remove(opened, "mine")
        with pytest.raises(errors.NotFoundError, match="No group named 'mine'"):
            groups.members(opened, "mine")
