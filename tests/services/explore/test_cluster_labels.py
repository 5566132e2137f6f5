"""Clusters on the map by row: centres, pictures, names that survive a redrawn map, coarse level."""

from pathlib import Path

import numpy as np
import pytest

from sept_core import errors
from sept_core.projection import map_cells
from sept_core.services.curate.row_space import RowSpace
from sept_core.services.explore import cluster_labels, point_map, row_points
from sept_core.services.explore.row_points import RowPoints
from sept_core.services.project import projects


def some_points(revision: str, clusters: list[int], places: np.ndarray) -> RowPoints:
    uids = np.array([f"{i:032x}" for i in range(len(clusters))], "S32")
    return RowPoints(revision, uids, places.astype(np.float32), np.array(clusters))


def test_pictures_are_those_nearest_the_centre(project: Path) -> None:
    places = np.array([[0.1, 0.1], [0.3, 0.1], [0.2, 0.1], [0.21, 0.1], [0.9, 0.9], [0.5, 0.5]])
    points = some_points("one", [0, 0, 0, 0, 1, -1], places)
    with projects.opened(project) as opened:
        found = cluster_labels.answer(opened, "encoder", points)
    assert found["counts"] == [4, 1] and found["parent"] is None
    assert found["centres"][0] == pytest.approx([0.2025, 0.1], abs=1e-4)
    assert found["pictures"] == [[f"{i:032x}" for i in (2, 3, 1)], [f"{4:032x}"]]
    assert found["names"] == [None, None]


def test_a_name_follows_its_images_when_the_map_is_drawn_again(project: Path) -> None:
    places = np.random.default_rng(0).random((8, 2))
    before = some_points("two", [0, 0, 0, 0, 1, 1, 1, 1], places)
    after = some_points("three", [1, 1, 1, 1, 0, 0, 0, 0], places)
    with projects.opened(project) as opened:
        cluster_labels.name(opened, "encoder", before, 1, "  fish   and boats ")
        assert cluster_labels.names(opened, "encoder", before) == {1: "fish and boats"}
        assert cluster_labels.names(opened, "encoder", after) == {0: "fish and boats"}
        assert cluster_labels.names(opened, "other", after) == {}
        cluster_labels.name(opened, "encoder", after, 0, "")
        assert cluster_labels.names(opened, "encoder", after) == {}
        with pytest.raises(errors.NotFoundError, match="no cluster 5"):
            cluster_labels.name(opened, "encoder", after, 5, "x")
        with pytest.raises(errors.InputError, match="60 characters"):
            cluster_labels.name(opened, "encoder", after, 0, "x" * 61)


def test_many_clusters_get_a_coarse_level(project: Path) -> None:
    rng = np.random.default_rng(1)
    corners = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]])
    own = np.arange(90)
    centres = corners[own % 3] + rng.normal(0, 0.01, (90, 2))
    places = np.repeat(centres, 4, axis=0) + rng.normal(0, 0.001, (360, 2))
    points = some_points("many", np.repeat(own, 4).tolist(), places)
    with projects.opened(project) as opened:
        found = cluster_labels.answer(opened, "encoder", points)
    parent = np.array(found["parent"])
    assert len(parent) == 90 and parent.min() == 90 and parent.max() == len(found["counts"]) - 1
    assert sum(found["counts"][90:]) == 360
    for group in np.unique(parent).tolist():
        assert len(set((np.flatnonzero(parent == group) % 3).tolist())) == 1, "near ones together"


def test_rows_that_are_not_on_the_map_have_no_place(project: Path) -> None:
    uids = np.array([f"{i:032x}" for i in range(4)], "S32")
    places = np.array([[0.0, 1.0], [0.25, 0.5]], np.float32)
    drawn = point_map.Map(
        "r", uids[[0, 2]], places, np.array([3, -1]), {}, map_cells.Cells(places), None
    )
    rows = RowSpace("key", "encoder", uids, 0)
    with projects.opened(project) as opened:
        found = row_points.align(opened, rows, drawn)
        bare = row_points.align(opened, rows, None)
    assert np.frombuffer(found.points(), "<u2").reshape(-1, 2).tolist() == [
        [0, 65534],
        [65535, 65535],
        [round(0.25 * 65534), round(0.5 * 65534)],
        [65535, 65535],
    ]
    assert found.clusters.tolist() == [3, -1, -1, -1]
    assert set(np.frombuffer(bare.points(), "<u2").tolist()) == {65535}
