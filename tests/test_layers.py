"""The import rules of docs/architecture.md, held by reading every import, lazy ones too."""

import ast
from pathlib import Path

import pytest

from benchmarks import structure

ROOT = Path(__file__).parent.parent
CORE = ROOT / "sept_core"

# Lowest first. A file may import packages of lower layers and its own package only.
LAYERS = [
    {"compat", "errors", "figures", "measures", "wording"},
    {"auth", "imaging", "storage"},
    {"encoders", "jobs", "remote", "review", "selection"},
    {"filesystem"},
    {"demo", "tables"},
    {"archives"},
    {"ingest"},
    {"features", "manifest", "targets"},
    {"catalogue", "export", "index", "pretrain"},
    {"dedup", "evaluation", "retrieval"},
    {"projection"},
    {"services"},
    {"api", "cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

# Trainers run on machines that have only torch and the manifest's files.
ONLY = {
    "pretrain": {
        "errors",
        "measures",
        "storage",
        "jobs",
        "imaging",
        "ingest",
        "manifest",
        "encoders",
    },
    "evaluation": {
        "errors",
        "measures",
        "storage",
        "jobs",
        "imaging",
        "ingest",
        "encoders",
        "pretrain",
    },
}
WORKERS = {"features", "index", "projection", "dedup", "export", "pretrain", "evaluation"}
PURE = {"selection", "review"}
IO_MODULES = {"pathlib", "os", "io", "shutil", "tempfile", "duckdb", "pyarrow.parquet"}
LOOSE = {"errors", "auth", "api"}


def _modules() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def _component(path: Path) -> str:
    """`sept_core/pretrain/loop.py` and `sept_core/pretrain.py` are both `pretrain`."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Dotted names of everything a file imports, wherever the import stands, tables included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            found.add(node.module or "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {place[1] for place in [structure.PLACE.fullmatch(node.value)] if place}
    return found


def _components_imported(path: Path) -> set[str]:
    own = _component(path)
    names = {name.split(".")[1] for name in _imports(path) if name.startswith("sept_core.")}
    return {name for name in names if name in LEVEL and name != own}


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(CORE)))
def test_imports_only_lower_layers(path: Path) -> None:
    own = _component(path)
    if own == "__init__":
        assert not _components_imported(path)
        return
    assert own in LEVEL, f"{own} has no layer: add it to LAYERS where it belongs"
    for name in _components_imported(path):
        assert LEVEL[name] < LEVEL[own], f"{own} must not import {name}"
        assert name in ONLY.get(own, {name}), f"{own} must stay free of {name}"


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(CORE)))
def test_backend_rules(path: Path) -> None:
    imported = _imports(path)
    tops = {name.split(".")[0] for name in imported}
    assert "streamlit" not in tops, "the backend never imports streamlit"
    own = _component(path)
    if "duckdb" in tops:
        assert own == "catalogue", "all SQL lives in the catalogue"
    if own in WORKERS:
        assert "catalogue" not in _components_imported(path), "workers take and leave files"
    if own in PURE:
        assert not tops & IO_MODULES and not imported & IO_MODULES, f"{own} does no I/O"


def test_files_import_in_no_circle() -> None:
    assert structure.read(ROOT).circles == []


def test_no_module_lies_loose() -> None:
    loose = {path.stem for path in CORE.glob("*.py") if not path.stem.startswith("__")}
    assert loose == LOOSE


def test_packages_hold_no_logic() -> None:
    for path in CORE.rglob("__init__.py"):
        kinds = [type(node) for node in ast.parse(path.read_text()).body]
        assert all(kind in (ast.Expr, ast.Assign) for kind in kinds), f"{path} holds logic"


def test_pages_do_not_import_one_another() -> None:
    for path in (ROOT / "pages").rglob("*.py"):
        for name in _imports(path):
            if name.startswith("pages."):
                assert name.startswith("pages.shared"), f"{path} imports {name}"
        assert "duckdb" not in {name.split(".")[0] for name in _imports(path)}
