"""Features that others computed: of images we know, and of images nobody can read."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_project import sept

from sept_core import errors
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import selections
from sept_core.services.data import feature_import
from sept_core.services.project import projects


def _write(folder: Path, keys: list[str]) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(len(keys))
    np.save(folder / "part.npy", rng.normal(size=(len(keys), 6)).astype(np.float32))
    pq.write_table(pa.table({"key": keys}), folder / "part.parquet")
    return folder


def test_features_of_known_images_are_selected_from(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    pool = sorted(path.relative_to(small_data / "pool") for path in small_data.glob("pool/*/*.png"))
    own = sorted(p.relative_to(small_data / "target") for p in small_data.glob("target/*/*/*.png"))
    of_pool = _write(tmp_path / "pool", [*map(str, pool), "red/none.png"])
    of_target = _write(tmp_path / "target", [*map(str, own), "nobody.png"])
    with projects.opened(project) as opened:
        found = feature_import.import_pool(opened, "theirs", of_pool)
        assert found["stored"] == 160 and found["unmatched"] == ["red/none.png"]
        parts = feature_import.import_target(opened, "theirs", of_target, "toys")
        assert parts["unmatched"] == ["nobody.png"], "the other split's images are matched, too"
        assert (parts["search"]["stored"], parts["heldout"]["stored"]) == (12, 9)
        assert projects.find_encoder_record(opened, None)["id"] == found["encoder_id"]
        again = feature_import.import_pool(opened, "theirs", of_pool)
        assert (again["stored"], again["duplicates"]) == (0, 160)
    assert sept("prepare", project).returncode == 0
    with projects.opened(project) as opened:
        record = selections.select(
            opened, selections.Request(("toys",), SelectionSettings(budget=9))
        )
        assert record["count"] == 9 and record["encoder_id"] == found["encoder_id"]


def test_keys_that_name_no_image_are_refused(project: Path, tmp_path: Path) -> None:
    strange = _write(tmp_path / "strange", ["a", "b"])
    with projects.opened(project) as opened:
        with pytest.raises(errors.InputError, match="names a known pool image"):
            feature_import.import_pool(opened, "theirs", strange)
        with pytest.raises(errors.InputError, match="names an image of toys"):
            feature_import.import_target(opened, "theirs", strange, "toys")


def test_a_pool_of_features_alone(tmp_path: Path) -> None:
    given = _write(tmp_path / "given", [f"shard/{n}" for n in range(20)])
    assert sept("init", tmp_path / "project").returncode == 0
    done = sept("features", "import", tmp_path / "project", given, "--name", "theirs")
    assert done.returncode == 0 and "20" in done.stdout
    with projects.opened(tmp_path / "project") as opened:
        assert feature_import.import_pool(opened, "theirs", given)["duplicates"] == 20
