"""Images by uid: the right bytes, nothing but known images, a bounded cache."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_project import png

from sept_core import errors
from sept_core.catalogue import image_table, place_table
from sept_core.services.data import image_server
from sept_core.services.project import projects
from sept_core.storage import hashing


def some_uid(project: projects.Project) -> str:
    return str(image_table.eligible(project.db)[0].decode())


def noise(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 40, 3), np.uint8)
    return png(Image.fromarray(pixels))


def test_an_image_is_served_as_stored(project: Path) -> None:
    with projects.opened(project) as opened:
        server = image_server.ImageServer(project)
        uid = some_uid(opened)
        found = server.image(uid)
        server.close()
    assert hashing.uid_of(found.data) == uid
    assert found.media_type in ("image/png", "image/jpeg")


def test_target_images_are_served(project: Path) -> None:
    with projects.opened(project) as opened:
        target = image_table.eligible(opened.db, "target")[0].decode()
        assert hashing.uid_of(image_server.ImageServer(project).image(target).data) == target


def test_thumbnails_are_small_and_kept(project: Path) -> None:
    with projects.opened(project) as opened:
        server = image_server.ImageServer(project)
        uid = some_uid(opened)
        first = server.thumbnail(uid)
        kept = list(opened.paths.thumbnails.glob("*/*.jpg"))
        kept[0].write_bytes(b"from the cache")
        again = server.thumbnail(uid)
    assert max(Image.open(io.BytesIO(first.data)).size) <= image_server.THUMBNAIL_SIZE
    assert [path.stem for path in kept] == [uid]
    assert again.data == b"from the cache"


@pytest.mark.parametrize(
    "uid", ["0" * 32, "", "..", "../catalogue.duckdb", "-1", "%2e%2e", "A" * 32, "0" * 31 + "\n"]
)
def test_unknown_uids_reach_no_file(project: Path, uid: str) -> None:
    with projects.opened(project) as opened:
        server = image_server.ImageServer(project)
        for serve in (server.image, server.thumbnail):
            with pytest.raises(errors.NotFoundError, match="no image"):
                serve(uid)
        assert not opened.paths.thumbnails.exists()


def test_changed_bytes_are_not_passed_off_as_the_image(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with projects.opened(project) as opened:
        uid = some_uid(opened)
        places = place_table.places(opened.db, uid)
        (tmp_path / places[0].rel_path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / places[0].rel_path).write_bytes(noise(0))
        moved = [place_table.Place(**(vars(place) | {"root": tmp_path})) for place in places]
        monkeypatch.setattr(place_table, "places", lambda db, uid: moved)
        with pytest.raises(errors.NotFoundError):
            image_server.ImageServer(project).image(uid)


def test_the_cache_stays_within_its_limit(tmp_path: Path) -> None:
    cache = image_server.ThumbnailCache(tmp_path, limit=1000)
    uids = [f"{number:032x}" for number in range(30)]
    for uid in uids:
        cache.put(uid, bytes(100))
    held = [path.stat().st_size for path in tmp_path.glob("*/*.jpg")]
    assert 0 < sum(held) <= 1000
    assert cache.get(uids[-1]) == bytes(100)
    reopened = image_server.ThumbnailCache(tmp_path, limit=300)
    reopened.put("f" * 32, bytes(100))
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.jpg")) <= 300
