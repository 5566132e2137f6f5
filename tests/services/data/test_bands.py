"""Bands that a source was added with reach features, thumbnails and the manifest."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from embedding_worlds import install_fake, make_job
from PIL import Image
from typer.testing import CliRunner

from sept_core import errors
from sept_core.catalogue import adopting, work_table
from sept_core.cli import app
from sept_core.features import feature_store, worker
from sept_core.imaging import images
from sept_core.ingest import worklists
from sept_core.services.data import collections, image_server
from sept_core.services.project import projects

SHADES = (10, 60, 110, 160, 210)  # of the five bands


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    for number in range(4):
        values = np.full((12, 16, 5), SHADES, np.uint8) + np.uint8(number)
        tifffile.imwrite(folder / f"{number}.tif", values, photometric="minisblack",
                         planarconfig="contig")  # fmt: skip
    Image.new("RGB", (16, 12), (1, 2, 3)).save(folder / "plain.png")
    return folder


def embedded(tmp_path: Path, project: projects.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the embedding job does, with an encoder of a few numbers."""
    install_fake(monkeypatch)
    path = tmp_path / "worklist.parquet"
    worklists.write(path, work_table.worklist(project.db, ["s1"]))
    worker.main(make_job(tmp_path, path))
    store = feature_store.FeatureStore(tmp_path / "features" / "fake-12345678" / "pool")
    adopting.adopt(project.db, store, "pool")


def colour_of(data: bytes) -> list[int]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[6, 8].tolist()


@pytest.mark.parametrize(("bands", "shades"), [(None, (10, 60, 110)), ("5,3,1", (210, 110, 10))])
def test_what_was_chosen_is_what_is_seen(
    tmp_path: Path, pool: Path, monkeypatch: pytest.MonkeyPatch, bands: str | None,
    shades: tuple[int, ...],
) -> None:  # fmt: skip
    projects.init(tmp_path / "project")
    with projects.opened(tmp_path / "project") as project:
        collections.add(project, "pool", "land", pool, {"bands": bands} if bands else {})
        rows = work_table.worklist(project.db, ["s1"]).to_pylist()
        assert {row["bands"] for row in rows} == {bands}
        embedded(tmp_path, project, monkeypatch)
        [partly] = collections.partly_taken(project).to_pylist()
        taken = bands.replace(",", ", ") if bands else "1, 2, 3"
        assert partly == {
            "source": "land", "format": "TIFF", "pixels": "uint8 x 5", "taken": f"bands {taken}",
            "images": 4,
        }  # fmt: skip
        uid = next(row for row in work_table.worklist(project.db, ["s1"]).to_pylist()
                   if row["rel_path"] == "0.tif")["uid"]  # fmt: skip
        server = image_server.ImageServer(project.paths.root)
        for picture in (server.thumbnail(uid), server.image(uid)):
            assert np.abs(np.subtract(colour_of(picture.data), shades)).max() <= 3
        server.close()


def test_bands_of_embedded_images_cannot_change_in_silence(
    tmp_path: Path, pool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects.init(tmp_path / "project")
    with projects.opened(tmp_path / "project") as project:
        collections.add(project, "pool", "land", pool)
        collections.add(project, "pool", "land", pool, {"bands": "3,2,1"})  # nothing is read yet
        rows = work_table.worklist(project.db, ["s1"]).to_pylist()
        assert {row["bands"] for row in rows} == {"3,2,1"}
        embedded(tmp_path, project, monkeypatch)
        collections.add(project, "pool", "land", pool)  # lists it again
        with pytest.raises(
            errors.InputError, match="was embedded with bands 3,2,1; to use bands 1"
        ):
            collections.add(project, "pool", "land", pool, {"bands": "1"})


def test_suffixes_are_narrowed(tmp_path: Path, pool: Path) -> None:
    projects.init(tmp_path / "project")
    with projects.opened(tmp_path / "project") as project:
        collections.add(project, "pool", "land", pool, {"only_suffix": ".tif"})
        rows = work_table.worklist(project.db, ["s1"]).to_pylist()
        assert [row["rel_path"] for row in rows] == [f"{number}.tif" for number in range(4)]


def test_the_command_line_takes_both(tmp_path: Path, pool: Path) -> None:
    projects.init(tmp_path / "project")
    words = ["pool", "add", str(tmp_path / "project"), "land", str(pool)]
    done = CliRunner().invoke(app.app, [*words, "--bands", "4,3,2", "--only-suffix", ".tif"])
    assert done.exit_code == 0, done.output
    with projects.opened(tmp_path / "project") as project:
        rows = work_table.worklist(project.db, ["s1"]).to_pylist()
    assert {row["bands"] for row in rows} == {"4,3,2"} and len(rows) == 4
    assert images.parse_bands("4,3,2") == (4, 3, 2)
