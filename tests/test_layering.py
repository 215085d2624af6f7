"""The rooms' public lists, what importing them loads, and how they import each other."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("searchspaces", "engines", "detection", "latency", "search", "export", "cli")
HEAVY = {
    "torch",
    "torchvision",
    "onnx",
    "onnxruntime",
    "tensorrt",
    "sklearn",
    "pandas",
    "plotly",
    "yaml",
}


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after running the statement."""
    script = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_name_is_that_of_a_module(room: str) -> None:
    """Importing the module would put it in the place of what the room exports by that name."""
    modules = {path.stem for path in (ROOT / room).iterdir() if path.suffix in ("", ".py")}
    assert not modules & set(importlib.import_module(room).__all__)


@pytest.mark.parametrize(
    "statement",
    [
        "import search, searchspaces, latency",
        "import engines, detection, export",
        "from detection import Preprocess",
        "import detfit",
    ],
)
def test_import_loads_nothing_heavy(statement: str) -> None:
    assert loaded_by(statement) & HEAVY == set()


def test_loaded_modules_are_seen() -> None:
    assert "plotly" in loaded_by("import plotly")


def test_the_command_line_loads_no_room() -> None:
    assert loaded_by("import detfit") & set(ROOMS) == {"cli"}


@pytest.mark.parametrize("room", ROOMS)
def test_facade_is_sorted_and_complete(room: str) -> None:
    facade = importlib.import_module(room)
    names = list(facade.__all__)
    assert names, f"{room} has an empty __all__"
    assert names == sorted(set(names), key=rank)
    missing = [name for name in names if not hasattr(facade, name)]
    assert missing == []


def rank(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name (ruff, RUF022)."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("room", ROOMS)
def test_facade_lists_what_its_type_checking_block_imports(room: str) -> None:
    facade = importlib.import_module(room)
    public = {name for name in facade_imports(ROOT / room / "__init__.py") if name[0] != "_"}
    assert public <= set(facade.__all__)


def facade_imports(path: Path) -> set[str]:
    """Names that a facade imports from its own files, lazily or not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
        for alias in node.names
    }


@pytest.mark.parametrize("room", ROOMS)
def test_a_wrong_name_is_an_attribute_error(room: str) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module(room).no_such_name  # noqa: B018


def test_entry_point_and_benchmarks_import_from_facades_only() -> None:
    scripts = [ROOT / "detfit.py", *sorted((ROOT / "benchmarks").rglob("*.py"))]
    deep = [
        f"{path.relative_to(ROOT)}:{node.lineno} {name}"
        for path in scripts
        for node, name in imported_modules(path)
        if name.partition(".")[0] in ROOMS and "." in name
    ]
    assert deep == []


def imported_modules(path: Path) -> list[tuple[ast.stmt, str]]:
    """Every module a file imports, with the statement."""
    found: list[tuple[ast.stmt, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append((node, node.module))
        elif isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
    return found
