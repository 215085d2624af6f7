"""Every folder says what stands in it, and the room says which folders there are."""

import importlib
from pathlib import Path

import pytest

import latency

ROOM = Path(latency.__file__).parent
FOLDERS = sorted(path.parent.name for path in ROOM.glob("*/__init__.py"))


def unnamed(module: str, names: list[str]) -> list[str]:
    told = importlib.import_module(module).__doc__ or ""
    return [name for name in names if name not in told]


def test_the_room_names_its_folders_and_files() -> None:
    files = [path.name for path in ROOM.glob("[a-z]*.py")]
    assert len(FOLDERS) > 5
    assert unnamed("latency", [*FOLDERS, *files]) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_names_its_files(folder: str) -> None:
    files = [path.name for path in (ROOM / folder).glob("[a-z]*.py")]
    assert unnamed(f"latency.{folder}", files) == []
