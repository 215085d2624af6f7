"""The wheel holds the rooms and the entry point of the command line, and nothing else."""

import email
import email.message
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("searchspaces", "engines", "detection", "latency", "search", "export", "cli")
METADATA_FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "detfit.py")
EXTRAS = {"dev", "distributed", "openvino", "pycuda", "tensorrt", "tensorrt-v100", "train"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built offline from a copy, so that no build/ appears in the working tree."""
    source = tmp_path_factory.mktemp("source")
    for name in METADATA_FILES:
        shutil.copy(ROOT / name, source)
    for folder in (*ROOMS, "tests"):
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--wheel-dir", str(source / "dist"), str(source)]
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (path,) = (source / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_top_level_names_are_the_rooms_and_the_entry_point(wheel: zipfile.ZipFile) -> None:
    top = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {*ROOMS, "detfit.py"}


def test_every_file_of_a_room_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - set(wheel.namelist()) == set()


def test_command_is_installed(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "detfit = detfit:main" in wheel.read(name).decode()


def test_metadata(metadata: email.message.Message) -> None:
    assert metadata["Name"] == "detfit"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS


def test_every_requirement_is_bounded_above(metadata: email.message.Message) -> None:
    requirements = metadata.get_all("Requires-Dist", [])
    assert [line for line in requirements if "<" not in line] == []
    assert [line for line in requirements if ">=" not in line] == []


def test_every_requirement_is_pinned(metadata: email.message.Message) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    needed = {
        re.split(r"[^\w.-]", line, maxsplit=1)[0].lower()
        for line in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in line or '"dev"' in line
    }
    assert needed - pins == set()


def test_constraints_are_exact() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[a-z0-9-]+==[\w.]+( ; python_version >= \"3\.\d+\")?")
    assert [line for line in lines if not line.startswith("#") and not pin.fullmatch(line)] == []
