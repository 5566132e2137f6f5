"""The documents keep to the code: links, commands, file tree, glossary."""

import re
from pathlib import Path

import pytest

from sept_core.cli import app, lazy

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_to_headings(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", path.read_text()):
        linked = path.parent / target if target else path
        headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
        found = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in found, f"{path.name} links to {target}#{anchor}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_no_path_of_one_machine(path: Path) -> None:
    assert not re.search(r"/(work|home|root)/", path.read_text())


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    names = [name for name, _ in lazy.functions(app.SECTIONS)]
    missing = [name for name in names if f"`sept {name}`" not in text]
    assert not missing, f"docs/commands.md does not mention: {', '.join(missing)}"


def test_commands_in_documents_exist() -> None:
    known = set(lazy.places(app.SECTIONS))
    for path in DOCUMENTS:
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", path.read_text(), re.DOTALL):
            for command in re.findall(r"^(?:\$ )?sept (\w+)", block, re.MULTILINE):
                assert command in known, f"{path.name} shows sept {command}"


def test_file_tree_is_true() -> None:
    tree = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert tree is not None
    for line in tree[1].splitlines():
        name = line.split()[0]
        assert (ROOT / name).exists(), f"the README's tree has {name}"


def test_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for path in (ROOT / "sept_core").iterdir():
        name = path.name.removesuffix(".py")
        if not name.startswith("__"):
            assert f"`{name}`" in text or f"`{name}/`" in text, f"{name} is not in architecture.md"


def test_what_make_runs_is_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for goal in re.findall(r"`make (\w+)`", readme):
        assert re.search(rf"^{goal}:", makefile, re.MULTILINE), f"no make {goal}"


def test_cited_sections_of_the_method_exist() -> None:
    known = set(re.findall(r"^## (\d+)\.", (ROOT / "docs" / "method.md").read_text(), re.MULTILINE))
    for folder in ("sept_core", "pages", "benchmarks", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            cited = set(re.findall(r"method\.md §(\d+)", path.read_text()))
            assert cited <= known, f"{path.relative_to(ROOT)} cites {cited - known}"
