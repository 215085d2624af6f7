"""A bundle in hostile hands: each way to spoil it is refused in one line of its own."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export import BundleError, BundleFilesError, BundleTamperedError, load_bundle, read_runnable
from export.bundle.integrity import check_file_name, check_files, digest_line

from .test_bundle import FILES, rewrite

Edit = Callable[[dict[str, Any]], object]
NOBODY = 65534


def refusals(folder: Path) -> list[str]:
    """Return what both readers say; both have to refuse, in one line, and never crash."""
    said = []
    for read in (load_bundle, read_runnable):
        with pytest.raises(BundleError) as refused:
            read(folder)
        said.append(str(refused.value))
        assert "\n" not in said[-1]
        assert len(said[-1]) < 700
    return said


@pytest.mark.parametrize("name", FILES)
def test_every_byte_counts(bundle_folder: Path, name: str) -> None:
    path = bundle_folder / name
    content = path.read_bytes()
    step = max(1, len(content) // 7)
    for place in range(0, len(content), step):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        path.write_bytes(spoilt)
        with pytest.raises(BundleTamperedError, match="manifest" if "mani" in name else name):
            check_files(bundle_folder)
    path.write_bytes(content)
    check_files(bundle_folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["empty", "half", "folder", "fifo", "dangling link", "loop"])
def test_a_file_that_is_none_is_named(bundle_folder: Path, name: str, kind: str) -> None:
    path = bundle_folder / name
    content = path.read_bytes()
    path.unlink()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "half":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    else:
        path.symlink_to(path)
    for said in refusals(bundle_folder):
        assert name in said or "manifest" in said


def test_each_kind_of_damage_has_its_own_message(bundle_folder: Path, tmp_path: Path) -> None:
    labels = bundle_folder / "labels.json"
    content = labels.read_bytes()
    said = []
    labels.write_bytes(content + b" ")
    said += refusals(bundle_folder)
    labels.unlink()
    said += refusals(bundle_folder)
    (tmp_path / "l").write_bytes(content)
    labels.symlink_to(tmp_path / "l")
    said += refusals(bundle_folder)
    labels.unlink()
    labels.write_bytes(content)
    (bundle_folder / "extra").write_bytes(b"")
    said += refusals(bundle_folder)
    (bundle_folder / "extra").unlink()
    for edit in (
        lambda v: v["files"].update({"../x": "0" * 64}),
        lambda v: v["engine"].update(machine="riscv64"),
        lambda v: v["engine"].update(machine=v["engine"]["machine"], version="0.0.1"),
        lambda v: v.update(schema_version=2),
    ):
        manifest = (bundle_folder / "manifest.json").read_bytes()
        rewrite(bundle_folder, edit)
        said += refusals(bundle_folder)
        (bundle_folder / "manifest.json").write_bytes(manifest)
        (bundle_folder / "manifest.sha256").write_bytes(digest_line(manifest))
    assert len(set(said)) == 8
    load_bundle(bundle_folder)


def test_the_bundle_itself_may_be_reached_by_a_link(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(bundle_folder)
    assert load_bundle(tmp_path / "current").labels == load_bundle(bundle_folder).labels


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda v: v["files"].update({"labels.json": "é" * 64}), "64 of 0-9a-f"),
        (lambda v: v["files"].update({"labels.json": "0" * 63}), "64 of 0-9a-f"),
        (lambda v: v["files"].update({"labels.json": "A" * 64}), "64 of 0-9a-f"),
        (lambda v: v["files"].update({"labels.json": None}), "files"),
        (lambda v: v.update(files=[]), "files"),
        (lambda v: v.update(schema_version=True), "schema version True"),
        (lambda v: v.update(schema_version=1.0), r"schema version 1\.0"),
        (lambda v: v.update(schema_version="1"), "schema version '1'"),
        (lambda v: v.update(schema="other"), "schema"),
        (lambda v: v["engine"].update(batch=0), "batch must be 1 to"),
        (lambda v: v["engine"].update(batch=10**9), "batch must be 1 to"),
        (lambda v: v["engine"].update(threads=-1), "threads must be 1 to"),
        (lambda v: v["engine"].update(batch=True), "batch"),
        (lambda v: v.update(certificates={}), "certificates"),
        (lambda v: v.update(certificates=[{}]), "certificates|verdict"),
        (lambda v: v.update(certificates=["x"]), "certificates"),
        (lambda v: v.pop("engine"), "engine"),
    ],
)
def test_a_manifest_that_lies_is_refused(bundle_folder: Path, edit: Edit, match: str) -> None:
    rewrite(bundle_folder, edit)
    for read in (load_bundle, read_runnable):
        with pytest.raises(BundleError, match=match):
            read(bundle_folder)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("{", '{"schema": "detfit-bundle", ', "stands twice"),
        ('"batch": 1', '"batch": 1e999', "finite"),
        ('"batch": 1', f'"batch": {"9" * 500}', "500 digits"),
        ('"batch": 1', f'"batch": {"[" * 5000}{"]" * 5000}', "nested too deeply|batch"),
        ('"batch": 1', '"batch": NaN', "finite"),
    ],
)
def test_json_that_readers_read_differently_is_refused(
    bundle_folder: Path, old: str, new: str, match: str
) -> None:
    path = bundle_folder / "manifest.json"
    content = path.read_text().replace(old, new, 1).encode()
    path.write_bytes(content)
    (bundle_folder / "manifest.sha256").write_bytes(digest_line(content))
    for read in (load_bundle, read_runnable):
        with pytest.raises(BundleError, match=match):
            read(bundle_folder)


@pytest.mark.parametrize(
    "name", ["NUL", "con.txt", "COM1", "lpt9.json", "a.", "a ", "a. .", "a\x1b"]
)
def test_names_that_are_no_file_on_some_system_are_refused(name: str) -> None:
    with pytest.raises(BundleFilesError, match="not a plain name"):
        check_file_name(name)


@pytest.mark.parametrize("name", ["model.onnx", "console.txt", "nulls", "com10", "a b.json", ".x"])
def test_names_that_only_look_like_them_pass(name: str) -> None:
    check_file_name(name)


def test_odd_names_in_the_folder_cannot_write_to_the_terminal(bundle_folder: Path) -> None:
    (bundle_folder / "a\x1b[2J\nb").write_bytes(b"")
    (bundle_folder / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    for said in refusals(bundle_folder):
        assert said.isprintable()
        said.encode()


def test_many_odd_files_are_not_all_named(bundle_folder: Path) -> None:
    for number in range(100):
        (bundle_folder / f"extra-{number:03}").write_bytes(b"")
    for said in refusals(bundle_folder):
        assert "extra-000" in said
        assert "and 92 more" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to become somebody else")
@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "."])
def test_what_may_not_be_read_is_said(bundle_folder: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are for root alone
        Path(place).chmod(0o755)
        copy = Path(shutil.copytree(bundle_folder, Path(place) / "bundle"))
        (copy / name).chmod(0)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(BundleError) as refused:
                read_runnable(copy)
        finally:
            os.seteuid(0)
    assert "cannot be read: Permission denied" in str(refused.value)


def test_huge_inputs_are_refused_before_they_are_made(bundle_folder: Path) -> None:
    from export.files import sha256_of

    path = bundle_folder / "preprocess.json"
    values = json.loads(path.read_bytes())
    values["input_hw"] = [200_000, 200_000]
    content = json.dumps(values).encode()
    path.write_bytes(content)
    rewrite(
        bundle_folder,
        lambda v: v.update(
            input_hw=values["input_hw"],
            files={**v["files"], "preprocess.json": sha256_of(content)},
        ),
    )
    for said in refusals(bundle_folder):
        assert "more than" in said


def test_a_label_that_writes_to_the_terminal_is_refused(bundle_folder: Path) -> None:
    from export.bundle.descriptions import labels_bytes
    from export.files import sha256_of

    content = labels_bytes(("a", "b", "\x1b[31mred"))
    (bundle_folder / "labels.json").write_bytes(content)
    rewrite(bundle_folder, lambda v: v["files"].update({"labels.json": sha256_of(content)}))
    for said in refusals(bundle_folder):
        assert "must be printable" in said
        assert said.isprintable()


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "labels.json"])
def test_a_model_whose_tensors_lie_elsewhere_is_refused(
    bundle_folder: Path, location: str
) -> None:
    import onnx

    from export import Session
    from export.files import sha256_of

    model = onnx.load(bundle_folder / "model.onnx")
    tensor = max(model.graph.initializer, key=lambda value: len(value.raw_data))
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    content = model.SerializeToString()
    (bundle_folder / "model.onnx").write_bytes(content)
    rewrite(bundle_folder, lambda v: v["files"].update({"model.onnx": sha256_of(content)}))
    with pytest.raises(BundleFilesError, match="keeps tensors in other files"):
        Session.open(bundle_folder)
