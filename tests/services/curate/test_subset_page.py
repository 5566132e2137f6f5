"""The page of a selection that a colleague opens: self-contained, without paths and names."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_project import sept

from sept_core.wording import paths


class Links(HTMLParser):
    """Everything that a page could load, and its elements that are left open."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]


def test_the_page_holds_everything_and_names_nobody(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    made = sept("select", project, "--target", "toys", "--budget", 12, "--json")
    record = json.loads(made.stdout)
    uids = json.loads(sept("audit", project, record["selection"], "--json").stdout)["uids"]
    words = ("--target", "toys", "--who", "Ana Silva")
    assert sept("keep", project, *uids[:8], *words).returncode == 0
    reason = f"<b>text</b> in {small_data}/pool/red/01.png"
    assert sept("veto", project, *uids[8:9], *words, "--reason", reason).returncode == 0
    out, named = tmp_path / "page.html", tmp_path / "named.html"
    done = sept("report", project, record["selection"], "--html", out, "--pictures", 5)
    assert done.returncode == 0, done.stderr
    assert "5 of 12 images" in done.stdout
    page = out.read_text()
    links = Links()
    links.feed(page)
    assert all(link.startswith("data:image/webp;base64,") for link in links.loaded)
    assert len(links.loaded) == 5 + 12 and not {"script", "link", "iframe"} & links.tags
    for folder in (project, small_data, tmp_path, Path.home()):
        assert str(folder) not in page
    assert "&lt;b&gt;text&lt;/b&gt; in 01.png" in page and "Ana Silva" not in page
    for text in (
        "toys",
        record["encoder_id"],
        "duplicate_cap 1",
        "seed 0",
        "5 of 12 images",
        "Precision",
        "1 vetoed",
    ):
        assert text in page
    assert re.search(r"Content hash</dt><dd>[0-9a-f]{64}", page)
    assert sept("report", project, record["selection"], "--html", out).returncode == 1
    assert sept("report", project, record["selection"], "--html", named, "--names").returncode == 0
    assert "Ana Silva" in named.read_text()


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("timm:vit@/data/my weights/x.pt", "timm:vit@my weights/x.pt"),
        ("timm:vit@/data/weights/x.safetensors", "timm:vit@x.safetensors"),
        ("in /home/ana/pool/1.png, twice", "in 1.png, twice"),
        (r"C:\Users\ana\1.png", "1.png"),
        ("~/pool/1.png", "1.png"),
        ("checkpoint:/home/ana/runs/best", "checkpoint:best"),
        ("file:///home/ana/1.png", "1.png"),
        (r"\\server\pool\1.png", "1.png"),
        ("food/ramen and width/height", "food/ramen and width/height"),
        ("https://example.org/a/b", "https://example.org/a/b"),
    ],
)
def test_paths_are_shortened(text: str, short: str) -> None:
    assert paths.without_paths(text) == short
