"""A source of links, from its listing to an export of links that is added again."""

import json
from pathlib import Path

from small_project import picture, png, sept

from sept_core.export import run
from sept_core.filesystem import safe_paths
from sept_core.manifest import image_reader, manifest
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import manifests, selections
from sept_core.services.data import collections, image_server
from sept_core.services.project import projects
from sept_core.storage import hashing


def test_linked_images_take_part_in_everything(project: Path, tmp_path: Path) -> None:
    curated = tmp_path / "curated"
    curated.mkdir()
    (tmp_path / "store").mkdir()
    for number in range(3):
        data = png(picture("grey", 7000 + number))
        (tmp_path / f"store/{number}.png").write_bytes(data)
        (curated / f"{number}.png").symlink_to(tmp_path / f"store/{number}.png")
    uids = {hashing.uid_of(path.read_bytes()) for path in curated.iterdir()}

    refused = sept("pool", "add", project, "curated", curated)
    assert refused.returncode == 1 and "--follow-links" in refused.stderr
    with projects.opened(project) as opened:
        reasons = {r["reason"] for r in collections.rejected(opened).to_pylist()}
        assert safe_paths.LEADS_OUT in reasons
    followed = sept("pool", "add", project, "curated", curated, "--follow-links", "--json")
    assert json.loads(followed.stdout)["changed"] == 3, followed.stderr
    for words in (("embed", project), ("prepare", project)):
        assert sept(*words).returncode == 0

    with projects.opened(project) as opened:
        collections.scan(opened, "pool", "curated")  # the option is kept
        server = image_server.ImageServer(opened.paths.root)
        assert {hashing.uid_of(server.image(uid).data) for uid in uids} == uids
        settings = SelectionSettings(strategy="random", budget=3)
        request = selections.Request(("toys",), settings, filter="source = curated")
        record = selections.select(opened, request)
        written = manifests.write_manifest(opened, record["id"], tmp_path / "manifest")
    assert set(written.rows["uid"].to_pylist()) == uids and written.followed() == ["curated"]
    run.export(written, "native", tmp_path / "copy")
    with image_reader.ImageReader(manifest.read(tmp_path / "copy")) as reader:
        assert {hashing.uid_of(reader.read(uid)) for uid in uids} == uids

    result = run.export(written, "flat", tmp_path / "links", link="symlink")
    assert result["linked"] == 3
    with projects.opened(project) as opened:
        options = {"follow_links": "yes"}
        report = collections.add(opened, "pool", "exported", tmp_path / "links", options)
        assert (report.new, report.problems) == (3, 0)
