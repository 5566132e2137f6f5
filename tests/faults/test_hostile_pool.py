"""Issue 2, must-show 5: a folder and a zip of everything that can go wrong, by the command line."""

import json
import zipfile
from pathlib import Path

import small_project
import source_worlds


def test_every_file_ends_embedded_or_listed(project: Path, tmp_path: Path) -> None:
    folder, archive = tmp_path / "hostile", tmp_path / "escape.zip"
    folder.mkdir()
    source_worlds.hostile_folder(folder)
    inside = small_project.png(small_project.picture("blue", 5000))
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("fine.png", inside)
        out.writestr("../outside.png", inside)
        out.writestr("/absolute.png", inside)
    before = sorted(path.name for path in tmp_path.iterdir())
    for name, path in (("hostile", folder), ("escape", archive)):
        added = small_project.sept("pool", "add", project, name, path)
        assert added.returncode == 0, added.stderr
    embedded = small_project.sept("embed", project)
    assert embedded.returncode == 1, "a dangling link may come back"
    assert "dangling.jpg: dangling link" in embedded.stderr
    state = json.loads(small_project.sept("pool", "status", project, "--json").stdout)
    counts = {source["name"]: source for source in state["sources"]}
    reasons = {(row["source"], row["rel_path"], row["member"]): row["reason"]
               for row in state["rejected"]}  # fmt: skip
    assert counts["hostile"]["ok"] == 3 + len(source_worlds.ODD_NAMES)
    assert counts["hostile"]["waiting"] == counts["escape"]["waiting"] == 0
    assert counts["hostile"]["rejected"] == 8
    assert counts["hostile"]["unreadable"] == 1
    assert reasons["hostile", "empty.jpg", ""] == "empty file"
    assert reasons["hostile", "pipe.jpg", ""] == "named pipe"
    assert reasons["hostile", "truncated.jpg", ""].startswith("truncated")
    assert counts["escape"]["ok"] == 1 and counts["escape"]["rejected"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "nothing written outside"
    assert not Path("/absolute.png").exists()
