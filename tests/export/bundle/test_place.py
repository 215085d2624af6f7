"""Places where no bundle, and nothing beside one's files, can be written."""

import os
from pathlib import Path

import pytest

from export import BundleError, ExportError
from export.bundle.place import holds_bundle, refuse_in_the_way, refuse_inside_bundle


def test_free_paths_are_free(tmp_path: Path) -> None:
    refuse_in_the_way(tmp_path / "new", overwrite=False)
    refuse_in_the_way(tmp_path / "deep" / "er" / "new", overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_below_a_file_no_bundle_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="file is not a folder; name another one"):
        refuse_in_the_way(tmp_path / "file" / "deep" / "new", overwrite=True)


def test_a_bundle_holds_one_and_its_neighbours_none(bundle_folder: Path, tmp_path: Path) -> None:
    assert holds_bundle(bundle_folder)
    assert not holds_bundle(tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": "a web page\'s"}')
    assert not holds_bundle(tmp_path)


@pytest.mark.parametrize("place", [".", "out", "deep/er/out", "../bundle/out", "../link/out"])
def test_a_bundle_is_not_written_into(bundle_folder: Path, place: str) -> None:
    (bundle_folder.parent / "link").symlink_to(bundle_folder)
    with pytest.raises(
        BundleError, match=r"in the bundle .*/bundle, which a file more would spoil"
    ):
        refuse_inside_bundle(bundle_folder / place)
    with pytest.raises(BundleError, match=r"bundle"):
        refuse_in_the_way(bundle_folder / place / "new", overwrite=True)


def test_beside_a_bundle_there_is_room(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_inside_bundle(bundle_folder.parent)
    refuse_inside_bundle(bundle_folder / ".." / "out")
    refuse_in_the_way(bundle_folder, overwrite=True)
    monkeypatch.chdir(bundle_folder)
    refuse_inside_bundle(Path("../out"))
    with pytest.raises(BundleError, match="detections is in the bundle"):
        refuse_inside_bundle(Path("detections"))
    assert os.listdir(bundle_folder.parent) == ["bundle"]
