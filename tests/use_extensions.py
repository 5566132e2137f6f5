"""Uses all that docs/extending.md adds; `test_extending.py` runs it on the extended code.

python use_extensions.py PROJECT OUT
"""

import contextlib
import io
import re
import sys
from pathlib import Path

import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from benchmarks import tables
from pages.shared import study_form
from sept_core import errors
from sept_core.cli import app
from sept_core.encoders import families, registry
from sept_core.export import formats
from sept_core.pretrain import settings
from sept_core.pretrain.methods.method import build
from sept_core.storage import atomic

NAMES = ("thumbnail", "nearest", "gallery", "rotnet", "pages/data/sources.py")


def main(project: Path, out: Path) -> None:
    menus_and_texts_name_them()
    a_pool_is_embedded(project)
    images_are_selected_and_exported(project, out)
    a_loss_falls_on_the_backbone()
    the_page_draws()


def menus_and_texts_name_them() -> None:
    assert registry.describe("thumbnail") == families.RECOMMENDED["thumbnail"]
    for command, name in zip(("embed", "select", "export", "pretrain"), NAMES, strict=False):
        assert name in sept(command, "--help")
    try:
        registry.describe("thumbnails")
    except errors.EncoderError as problem:
        assert "thumbnail," in str(problem)
    assert "nearest" in study_form.CURATED
    (snippet,) = formats.snippets("gallery", Path("/a b"))
    assert snippet.text == "python -m webbrowser '/a b/index.html'"
    for name, table in zip(NAMES, tables.TABLES.values(), strict=True):
        assert f"`{name}`" in table()


def a_pool_is_embedded(project: Path) -> None:
    sept("embed", project, "--encoder", "thumbnail")
    (folder,) = (project / "features").glob("thumbnail-*")
    known = atomic.read_json(folder / "encoder.json")
    assert (known["spec"], known["dim"], known["kind"]) == ("thumbnail", 192, "hand-made")
    assert list((folder / "pool").iterdir())


def images_are_selected_and_exported(project: Path, out: Path) -> None:
    (prepared,) = (project / "features").glob("bundled-classic-*")
    asked = ("--target", "toys", "--budget", 7, "--encoder", prepared.name)
    sept("select", project, *asked, "--strategy", "nearest")
    sept("export", project, "nearest", "--format", "gallery", "--out", out)
    page = re.findall(r'<img src="(images/[0-9a-f]{32}\.png)">', (out / "index.html").read_text())
    assert len(page) == 7 and all((out / name).is_file() for name in page)


def a_loss_falls_on_the_backbone() -> None:
    chosen = settings.defaults("rotnet", "resnet10-tiny", 100)
    torch.manual_seed(0)
    method = build(nn.Sequential(nn.Flatten(), nn.Linear(12, 6)), 6, chosen)
    loss, features = method([torch.randn(8, 3, 2, 2)])
    loss.backward()
    assert features.shape == (8, 6)
    assert method.backbone[1].weight.grad.abs().sum() > 0


def the_page_draws() -> None:
    shown = AppTest.from_file(str(Path.cwd() / "app.py"), default_timeout=60).run()
    shown.switch_page("pages/data/sources.py").run()
    assert not shown.exception and not shown.error
    assert shown.title[0].value == "Sources"
    assert shown.dataframe[0].value["Source"].tolist() == ["shapes"]


def sept(*words: object) -> str:
    """Run a command in this process and return what it prints."""
    sys.argv = ["sept", *map(str, words)]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            app.main()
        except SystemExit as ended:
            assert not ended.code, f"sept {words[0]} failed"
    return printed.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
