"""The map's numbers: areas against a slow reference, colours, neighbours, groups."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_project import sept

from sept_core import errors
from sept_core.encoders import registry
from sept_core.features import feature_store
from sept_core.projection import map_cells
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, groups, selections
from sept_core.services.data import collections
from sept_core.services.explore import map_job, point_colours, point_map, text_search
from sept_core.services.project import projects
from sept_core.storage import atomic

side = st.integers(0, 64).map(lambda step: step / 64)  # exact in the map's float32, too
corner = st.tuples(side, side)


def some_map(places: np.ndarray) -> point_map.Map:
    count = len(places)
    uids = np.array([f"{i:032x}" for i in range(count)], "S32")
    places = places.astype(np.float32)
    return point_map.Map("r", uids, places, np.zeros(count, np.int64), {}, map_cells.Cells(places))


def odd_crossings(places: np.ndarray, polygon: list[tuple[float, float]]) -> list[int]:
    """The reference: rows whose ray to the right crosses an odd number of edges."""
    expected = []
    for row, (x, y) in enumerate(places.astype(float).tolist()):
        odd = False
        for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                odd = not odd
        if odd:
            expected.append(row)
    return expected


@given(st.lists(corner, min_size=1, max_size=30), st.lists(corner, min_size=3, max_size=8))
def test_an_area_holds_what_a_ray_crosses_oddly(
    places: list[tuple[float, float]], polygon: list[tuple[float, float]]
) -> None:
    drawn = some_map(np.array(places))  # on the borders of cells
    assert drawn.cells.inside(polygon).tolist() == odd_crossings(drawn.places, polygon)


beyond = st.floats(-0.5, 1.5, allow_subnormal=False)


@given(st.integers(0, 99), st.lists(st.tuples(beyond, beyond), min_size=3, max_size=8))
def test_an_area_of_any_corners_holds_the_same(
    seed: int, polygon: list[tuple[float, float]]
) -> None:
    drawn = some_map(np.random.default_rng(seed).random((400, 2)))
    assert drawn.cells.inside(polygon).tolist() == odd_crossings(drawn.places, polygon)


@given(st.integers(0, 99), corner, st.floats(0, 2, allow_subnormal=False))
def test_the_nearest_point_is_the_nearest(
    seed: int, place: tuple[float, float], within: float
) -> None:
    drawn = some_map(np.random.default_rng(seed).random((60, 2)))
    distance = np.hypot(*(drawn.places.astype(float) - place).T)
    best = int(np.argmin(distance))
    expected = drawn.uids[best].decode() if distance[best] <= within else None
    assert drawn.nearest(*place, within) == expected


@pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan"), 1e300])
def test_an_area_of_odd_numbers_is_no_error(odd: float) -> None:
    drawn = some_map(np.random.default_rng(0).random((400, 2)))
    found = drawn.cells.inside([(0, 0), (odd, 0.5), (0.5, odd)])
    assert len(found) > 390 if odd > 0 else len(found) == 0, "nearly all, or nothing"


def test_points_are_sent_in_four_bytes() -> None:
    drawn = some_map(np.array([[0.0, 1.0], [0.5, 0.25]]))
    assert np.frombuffer(drawn.points(), "<u2").tolist() == [0, 65535, 32768, 16384]
    assert drawn.nearest(0.5, 0.3, 0.1) == drawn.uids[1].decode()
    assert drawn.nearest(0.5, 0.8, 0.1) is None
    assert len(drawn.cells.inside([(0, 0), (1, 1)])) == 0, "two corners are no area"


def test_rows_follow_the_uids_asked_for() -> None:
    drawn = some_map(np.zeros((4, 2)))
    asked = np.array([f"{2:032x}", "f" * 32, f"{0:032x}"], "S32")
    assert drawn.rows_of(asked).tolist() == [2, 0], "unknown ones are left out"
    assert len(some_map(np.zeros((0, 2))).rows_of(asked)) == 0


@pytest.fixture
def mapped(project: Path) -> Path:
    assert sept("map", project).returncode == 0
    return project


def test_every_colour_counts_every_point(mapped: Path) -> None:
    with projects.opened(mapped) as project:
        encoder = projects.find_encoder(project, None)
        drawn = point_map.load(project, encoder)
        assert len(drawn.uids) == 161 and list(drawn.targets) == ["toys"]
        request = selections.Request(("toys",), SelectionSettings(budget=9))
        record = selections.select(project, request)
        picked = selections.picks(project, record["id"])["uid"].to_pylist()
        before = point_colours.stamp(project, encoder, drawn, "decision:toys")
        decisions.decide(project, ["toys"], "veto", picked[:2])
        assert point_colours.stamp(project, encoder, drawn, "decision:toys") != before
        for by in point_colours.choices(project, drawn):
            found = point_colours.colour(project, encoder, drawn, by)
            assert found.classes.shape == (161,) and found.classes.max() < len(found.palette)
            assert sum(entry["count"] for entry in found.legend) <= 161
        decided = point_colours.colour(project, encoder, drawn, "decision:toys")
        assert decided.legend[0]["label"] == "vetoed" and decided.legend[0]["count"] == 2
        chosen = point_colours.colour(project, encoder, drawn, f"selection:{record['id']}")
        assert chosen.legend[0]["count"] == 9
        with pytest.raises(errors.NotFoundError, match="cannot be coloured"):
            point_colours.colour(project, encoder, drawn, "magic")
        near = point_map.neighbours(project, encoder, picked[0], 5)
        assert len(near) == 5 and picked[0] not in dict(near)
        assert [s for _, s in near] == sorted((s for _, s in near), reverse=True)


def test_groups_narrow_selections_and_become_targets(project: Path) -> None:
    with projects.opened(project) as opened:
        request = selections.Request(("toys",), SelectionSettings(budget=20))
        uids = selections.picks(opened, selections.select(opened, request)["id"])["uid"].to_pylist()
        groups.save(opened, "mine", uids[:8])
        decisions.decide(opened, ["toys"], "veto", uids[:1])
        whole = SelectionSettings(strategy="whole-pool")
        made = selections.select(opened, selections.Request(("toys",), whole, group="mine"))
        picked = selections.picks(opened, made["id"])["uid"].to_pylist()
        assert set(picked) <= set(uids[1:8]) and len(picked) >= 5
        assert selections.update(opened, made["id"])["id"] == made["id"]
        assert groups.add_to_target(opened, "new", uids[:3]) == 3
        assert groups.add_to_target(opened, "new", uids[2:5]) == 2
        assert "new" in collections.names(opened, "target")
        with pytest.raises(errors.InputError, match="another folder"):
            groups.add_to_target(opened, "toys", uids[:1])
        groups.remove(opened, "mine")
        with pytest.raises(errors.NotFoundError, match="No group named 'mine'"):
            groups.members(opened, "mine")


def test_a_colouring_is_made_once_for_one_state(mapped: Path) -> None:
    with projects.opened(mapped) as project:
        encoder = projects.find_encoder(project, None)
        drawn = point_map.load(project, encoder)
        by_source = point_colours.colour(project, encoder, drawn, "source")
        assert point_colours.colour(project, encoder, drawn, "source") is by_source
        before = point_colours.stamp(project, encoder, drawn, "similarity:toys")
        collections.rename(project, "pool", "shapes", "forms")
        again = point_colours.colour(project, encoder, drawn, "source")
        assert [entry["label"] for entry in again.legend] == ["forms"]
        assert point_colours.stamp(project, encoder, drawn, "similarity:toys") == before
        near = point_colours.colour(project, encoder, drawn, "similarity:toys")
        assert len(np.unique(near.classes)) > 3, "similarity spreads over the scale"


def test_a_map_is_older_than_targets_that_came_after_it(mapped: Path) -> None:
    with projects.opened(mapped) as project:
        encoder = projects.find_encoder(project, None)
        assert map_job.is_fresh(project, encoder)
        uids = [uid.decode() for uid in point_map.load(project, encoder).uids[:2].tolist()]
        groups.add_to_target(project, "new", uids)
    assert sept("embed", mapped).returncode == 0
    with projects.opened(mapped) as project:
        assert not map_job.is_fresh(project, encoder)


class Speaker:
    """An encoder for which every text means one image."""

    def __init__(self, ident: str, vector: np.ndarray) -> None:
        self.id, self._vector = ident, vector

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        return torch.from_numpy(np.repeat(self._vector, len(texts), axis=0))


def test_words_find_the_images_nearest_to_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with projects.opened(project) as opened:
        encoder = projects.find_encoder(opened, None)
        assert not text_search.understands_words(opened, encoder), "classic knows no words"
        card = opened.paths.features(encoder) / "encoder.json"
        atomic.write_json(card, atomic.read_json(card) | {"spec": "open_clip:ViT-B-32/tag"})
        assert text_search.understands_words(opened, encoder)
        store = feature_store.FeatureStore(opened.paths.pool_features(encoder))
        meant = store.vectors_of(store.uids[7:8]).astype(np.float32)
        monkeypatch.setattr(registry, "load", lambda spec, **options: Speaker(encoder, meant))
        found = text_search.find(opened, encoder, " a  red circle ", 5)
        assert len(found) == 5 and found[0] == (store.uids[7].decode(), 1.0)
        assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)
        text_search._load.cache_clear()
        monkeypatch.setattr(registry, "load", lambda spec, **options: Speaker("other", meant))
        with pytest.raises(errors.EncoderError, match="has changed since it embedded"):
            text_search.find(opened, encoder, "a blue square", 5)
