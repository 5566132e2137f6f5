"""Private names of libraries stand in the compat modules only."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPAT = [ROOT / "pages/shared/streamlit_compat.py", *(ROOT / "sept_core/compat").glob("*.py")]
OURS = {"sept_core", "pages", "benchmarks"}
DOCUMENTED = {"os._exit"}


def _is_private(dotted: str) -> bool:
    """Return True if plain dotted names, without calls between them, hold a private one."""
    return bool(re.fullmatch(r"(?:\w+\.)*_[a-zA-Z]\w*(?:\.\w+)*", dotted))


def private_names(code: str) -> Iterator[str]:
    """Dotted private names of libraries that a piece of code imports or reads."""
    libraries: dict[str, str] = {}
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            libraries |= {(a.asname or a.name).split(".")[0]: a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            libraries |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    libraries = {k: v for k, v in libraries.items() if v.split(".")[0] not in OURS}
    yield from filter(_is_private, libraries.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if dotted.split(".")[0] in libraries and _is_private(dotted):
                yield dotted


def test_private_names_are_found() -> None:
    code = "import torch.cpu\nfrom a import _b\nfrom sept_core import _c\ntorch.cpu._d()\nself._e"
    assert sorted(private_names(code)) == ["a._b", "torch.cpu._d"]


def test_no_other_module_uses_them() -> None:
    files = [ROOT / "app.py", *(ROOT / "pages").rglob("*.py"), *(ROOT / "sept_core").rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        if path not in COMPAT
        for name in private_names(path.read_text())
        if name not in DOCUMENTED
    }
    assert not found


def test_documents_do_not_use_them() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.S):
            assert not list(private_names(_whole(block))), path


def _whole(block: str) -> str:
    """Make code of the entries of a dictionary that a document shows alone."""
    return block if not block.startswith(" ") else f"{{\n{block}}}"
