import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export import (
    BundleError,
    BundleFilesError,
    BundleMachineError,
    BundleRuntimeError,
    BundleTamperedError,
    ExportResult,
    load_bundle,
)
from export.bundle.integrity import digest_line
from export.machine import machine_name, runtime_version

FILES = (
    "labels.json",
    "manifest.json",
    "manifest.sha256",
    "measurement.json",
    "model.onnx",
    "postprocess.json",
    "preprocess.json",
    "report.html",
    "weights.safetensors",
)


def rewrite(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit a manifest as somebody would who also writes its digest anew."""
    path = folder / "manifest.json"
    values = json.loads(path.read_bytes())
    edit(values)
    content = json.dumps(values).encode()
    path.write_bytes(content)
    (folder / "manifest.sha256").write_bytes(digest_line(content))


def test_a_bundle_holds_what_it_says(exported: ExportResult) -> None:
    bundle = load_bundle(exported.bundle.path)
    assert tuple(sorted(os.listdir(bundle.path))) == FILES
    assert bundle == exported.bundle
    assert bundle.labels == ("circle", "square", "triangle")
    assert bundle.engine_path == bundle.onnx_path
    assert bundle.weights_path.is_file()
    assert bundle.report_path.is_file()
    assert bundle.manifest.origin.seed == 7


def test_the_list_of_files_here_is_complete(exported: ExportResult) -> None:
    assert {*exported.bundle.manifest.files, "manifest.json", "manifest.sha256"} == set(FILES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_one_flipped_bit_is_seen(bundle_folder: Path, name: str, place: float) -> None:
    path = bundle_folder / name
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x20
    path.write_bytes(content)
    with pytest.raises(BundleTamperedError, match=name if "manifest" not in name else "manifest"):
        load_bundle(bundle_folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", [b"", b" ", b"\n"])
def test_a_changed_length_is_seen(bundle_folder: Path, name: str, change: bytes) -> None:
    path = bundle_folder / name
    content = path.read_bytes()
    path.write_bytes(content + change if change else content[:-1])
    with pytest.raises(BundleTamperedError):
        load_bundle(bundle_folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle_folder: Path, name: str) -> None:
    (bundle_folder / name).unlink()
    with pytest.raises(BundleFilesError, match=name):
        load_bundle(bundle_folder)


@pytest.mark.parametrize("name", FILES)
def test_a_link_is_refused_even_to_the_same_content(bundle_folder: Path, name: str) -> None:
    elsewhere = bundle_folder.parent / name
    (bundle_folder / name).rename(elsewhere)
    (bundle_folder / name).symlink_to(elsewhere)
    with pytest.raises(BundleFilesError, match=name):
        load_bundle(bundle_folder)


def test_an_extra_file_or_folder_is_refused(bundle_folder: Path) -> None:
    (bundle_folder / "extra.bin").write_bytes(b"x")
    with pytest.raises(BundleFilesError, match=r"extra\.bin.*does not list"):
        load_bundle(bundle_folder)
    (bundle_folder / "extra.bin").unlink()
    (bundle_folder / "folder").mkdir()
    with pytest.raises(BundleFilesError, match="only plain files"):
        load_bundle(bundle_folder)


@pytest.mark.parametrize("name", ["../outside.bin", "/etc/hostname", "sub/file", ".."])
def test_a_name_out_of_the_folder_is_refused(bundle_folder: Path, name: str) -> None:
    rewrite(bundle_folder, lambda v: v["files"].update({name: "0" * 64}))
    with pytest.raises(BundleFilesError, match="not a plain name"):
        load_bundle(bundle_folder)


def test_an_unlisted_required_file_is_refused(bundle_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v["files"].pop("labels.json"))
    with pytest.raises(BundleFilesError, match=r"labels\.json"):
        load_bundle(bundle_folder)
    (bundle_folder / "labels.json").unlink()
    with pytest.raises(BundleFilesError, match=r"lacks labels\.json"):
        load_bundle(bundle_folder)


def test_an_unknown_schema_version_is_refused_by_name(bundle_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v.update(schema_version=99))
    with pytest.raises(BundleError, match="schema version 99 of 'detfit-bundle' is unknown"):
        load_bundle(bundle_folder)


def test_contradicting_descriptions_are_refused(bundle_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v.update(num_classes=4))
    with pytest.raises(BundleError, match="4 classes"):
        load_bundle(bundle_folder)


def test_another_runtime_version_is_refused(bundle_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(version="0.7.1"))
    with pytest.raises(BundleRuntimeError, match=r"onnxruntime==0\.7\.1"):
        load_bundle(bundle_folder)
    assert load_bundle(bundle_folder, check_machine=False).manifest.engine.version == "0.7.1"


def test_another_patch_level_is_refused_and_another_build_is_taken(bundle_folder: Path) -> None:
    installed = runtime_version("onnxruntime") or ""
    major, minor, *_ = installed.split(".")
    rewrite(bundle_folder, lambda v: v["engine"].update(version=f"{major}.{minor}.999"))
    with pytest.raises(BundleRuntimeError, match=rf"{major}\.{minor}\.999, installed is"):
        load_bundle(bundle_folder)
    rewrite(bundle_folder, lambda v: v["engine"].update(version=f"{installed}+other"))
    assert load_bundle(bundle_folder).manifest.engine.version.endswith("+other")


def test_a_runtime_that_is_not_installed_is_named(bundle_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(name="tensorrt", version="10.4.0"))
    with pytest.raises(BundleRuntimeError, match=r"needs tensorrt 10\.4\.0"):
        load_bundle(bundle_folder)


def test_another_architecture_is_refused(bundle_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(machine="riscv64"))
    with pytest.raises(BundleMachineError, match="riscv64"):
        load_bundle(bundle_folder)


@pytest.mark.parametrize(
    ("told", "name"), [("AMD64", "x86_64"), ("arm64", "aarch64"), ("x86_64", "x86_64")]
)
def test_one_architecture_has_one_name(
    monkeypatch: pytest.MonkeyPatch, told: str, name: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: told)
    assert machine_name() == name


def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a folder"):
        load_bundle(tmp_path / "missing")
    with pytest.raises(BundleFilesError, match="not a bundle"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("labels.json", {"schema": "detfit-labels", "version": 2, "labels": ["a"]}, "version 2"),
        ("labels.json", {"labels": ["a"]}, "expected an object"),
        ("labels.json", {"schema": "detfit-labels", "version": 1, "labels": ["a", "a"]}, "differ"),
        ("labels.json", {"schema": "detfit-labels", "version": 1, "labels": []}, "at least one"),
        ("preprocess.json", {"schema": "detfit-preprocess", "version": 7}, "version 7"),
        ("postprocess.json", {"schema": "detfit-postprocess", "version": 3}, "version 3"),
    ],
)
def test_descriptions_of_another_kind_are_refused(
    bundle_folder: Path, name: str, content: object, match: str
) -> None:
    from export.files import sha256_of

    text = json.dumps(content).encode()
    (bundle_folder / name).write_bytes(text)
    rewrite(bundle_folder, lambda v: v["files"].update({name: sha256_of(text)}))
    with pytest.raises(BundleError, match=match):
        load_bundle(bundle_folder)
