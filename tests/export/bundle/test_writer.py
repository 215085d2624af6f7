import os
import shutil
from pathlib import Path

import pytest

from export import BundleError, BundleFilesError, ExportResult, load_bundle, write_bundle


def contents(exported: ExportResult) -> dict[str, bytes | Path]:
    bundle = exported.bundle
    return {name: bundle.path / name for name in bundle.manifest.files}


def test_copies_files_and_hashes_them(tmp_path: Path, exported: ExportResult) -> None:
    files = contents(exported) | {"notes.txt": b"hello"}
    bundle = write_bundle(tmp_path / "a" / "b", exported.bundle.manifest, files)
    assert bundle.path == tmp_path / "a" / "b"
    assert set(bundle.manifest.files) == set(files)
    assert load_bundle(tmp_path / "a" / "b") == bundle
    assert os.listdir(tmp_path / "a") == ["b"]


def test_the_digest_is_what_sha256sum_checks(exported: ExportResult) -> None:
    import subprocess

    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum here")
    command = ["sha256sum", "--check", "--strict", "manifest.sha256"]
    assert subprocess.run(command, cwd=exported.bundle.path, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["file", "link", "folder", "bundle"])
def test_what_is_in_the_way_is_left_as_it_is(
    tmp_path: Path, exported: ExportResult, bundle_folder: Path, kind: str
) -> None:
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("mine")
    elif kind == "link":
        target.symlink_to(bundle_folder)
    elif kind == "folder":
        target.mkdir()
        (target / "thesis.txt").write_text("mine")
    else:
        bundle_folder.rename(target)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(BundleError, match="target"):
        write_bundle(target, exported.bundle.manifest, contents(exported))
    if kind != "bundle":
        with pytest.raises(BundleError, match="target"):
            write_bundle(target, exported.bundle.manifest, contents(exported), overwrite=True)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_bundle_is_replaced_when_asked(
    tmp_path: Path, exported: ExportResult, bundle_folder: Path
) -> None:
    (bundle_folder / "stale.txt").write_text("old")
    bundle = write_bundle(
        bundle_folder, exported.bundle.manifest, contents(exported), overwrite=True
    )
    assert not (bundle.path / "stale.txt").exists()
    assert os.listdir(tmp_path) == ["bundle"]


def test_an_empty_folder_is_free(tmp_path: Path, exported: ExportResult) -> None:
    target = tmp_path / "empty"
    target.mkdir()
    write_bundle(target, exported.bundle.manifest, contents(exported))
    assert load_bundle(target).labels == exported.bundle.labels


def test_missing_and_reserved_names_are_refused(tmp_path: Path, exported: ExportResult) -> None:
    files = contents(exported)
    del files["labels.json"]
    with pytest.raises(BundleFilesError, match=r"needs labels\.json"):
        write_bundle(tmp_path / "b", exported.bundle.manifest, files)
    for name in ("manifest.json", "manifest.sha256", "../x"):
        with pytest.raises(BundleFilesError, match="manifest"):
            write_bundle(
                tmp_path / "b", exported.bundle.manifest, contents(exported) | {name: b""}
            )
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_nothing_behind(tmp_path: Path, exported: ExportResult) -> None:
    files = contents(exported) | {"gone.bin": tmp_path / "does-not-exist"}
    with pytest.raises(BundleError, match="cannot write the bundle"):
        write_bundle(tmp_path / "b", exported.bundle.manifest, files)
    broken = contents(exported) | {"labels.json": b"{}"}
    with pytest.raises(BundleError, match="labels"):
        write_bundle(tmp_path / "b", exported.bundle.manifest, broken)
    assert os.listdir(tmp_path) == []


def test_a_failed_replacement_keeps_the_old_bundle(
    exported: ExportResult, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.replace, []

    def replace(source: object, target: object) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError("disk full")
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(BundleError, match="disk full"):
        write_bundle(bundle_folder, exported.bundle.manifest, contents(exported), overwrite=True)
    monkeypatch.undo()
    assert load_bundle(bundle_folder).manifest == exported.bundle.manifest
    assert os.listdir(bundle_folder.parent) == ["bundle"]
