"""The loader for devices: what it finds, what it refuses, and that it needs next to nothing."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
import venv
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detection import DetectionError
from export import (
    BundleError,
    BundleMachineError,
    BundleRuntimeError,
    BundleTamperedError,
    DetectError,
    ExportResult,
    detect_files,
    read_runnable,
    runtime,
)
from export.bundle.postprocess import Detections
from export.running.detect import objects_of
from export.runtime import BundleDetector, load
from tests.export.bundle.test_bundle import rewrite
from tests.export.device import BLOCKER, ROOT, SCRIPT, by_loader, by_session, run_script

NEEDED = ("numpy", "pillow")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for name, mode, size in (("a.png", "RGB", (90, 60)), ("b.jpg", "L", (40, 120))):
        Image.effect_noise(size, 90.0).convert("RGB").convert(mode).save(folder / name)
        paths.append(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    Image.effect_noise((80, 40), 90.0).convert("RGB").save(folder / "turned.png", exif=exif)
    return [*paths, folder / "turned.png"]


def test_finds_exactly_what_detect_finds_without_torch_or_onnx(
    exported: ExportResult, photos: list[Path]
) -> None:
    command = [sys.executable, "-c", BLOCKER + SCRIPT]
    found = run_script(command, exported.bundle.path, photos)
    assert found == by_session(exported, photos)
    assert any(scores for _, scores, *_ in found)


def test_openvino_needs_neither_torch_nor_onnx(exported: ExportResult, photos: list[Path]) -> None:
    pytest.importorskip("openvino")
    command = [sys.executable, "-c", BLOCKER + SCRIPT]
    found = run_script(command, exported.bundle.path, photos, "openvino")
    assert found == by_loader(exported, photos, "openvino")
    np.testing.assert_allclose(found[0][1], by_session(exported, photos)[0][1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_finds_the_same_in_an_environment_of_three_packages(
    tmp_path: Path, exported: ExportResult, photos: list[Path], engine: str
) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    pytest.importorskip(engine)
    wanted = [f"{name}=={metadata.version(name)}" for name in (*NEEDED, engine)]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    listing = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], capture_output=True, check=True
    )
    installed = {row["name"].lower() for row in json.loads(listing.stdout)}
    assert installed.isdisjoint({"torch", "torchvision", "onnx", "pydantic", "typing_extensions"})
    found = run_script([python, "-c", SCRIPT], exported.bundle.path, photos, engine)
    assert found == by_loader(exported, photos, engine)
    if engine == exported.bundle.engine.name:
        assert found == by_session(exported, photos)


@pytest.fixture(scope="module")
def loaded(exported: ExportResult) -> BundleDetector:
    return load(exported.bundle.path)


def test_the_command_line_s_objects_are_these(
    exported: ExportResult, loaded: BundleDetector, photos: list[Path]
) -> None:
    results = detect_files(exported.bundle, photos)
    for result, one in zip(results, loaded(photos), strict=True):
        found = Detections(one.boxes, one.scores, one.labels, one.masks)
        assert objects_of(found, loaded.labels) == result.objects
        assert one.names == tuple(item.label for item in result.objects)


def test_one_image_or_many_of_every_form(loaded: BundleDetector, photos: list[Path]) -> None:
    with Image.open(photos[0]) as image:
        pixels = np.asarray(image)
        forms: list[Any] = [photos[0], str(photos[0]), image.copy(), pixels]
    together = loaded(forms)
    for form, one in zip(forms, together, strict=True):
        (alone,) = loaded(form)
        np.testing.assert_array_equal(alone.boxes, one.boxes)
        np.testing.assert_array_equal(one.boxes, together[0].boxes)
        assert len(one) == len(one.names) == len(one.scores) > 0
    assert len(loaded(np.zeros((9, 7), np.uint8))) == 1
    assert loaded([]) == []


def test_the_threshold_is_the_bundle_s_unless_another_is_asked_for(
    loaded: BundleDetector, photos: list[Path]
) -> None:
    every = loaded(photos[0], score_threshold=0.0)[0]
    assert (loaded(photos[0])[0].scores >= loaded.score_threshold).all()
    limit = float(np.median(every.scores))
    some = loaded(photos[0], score_threshold=limit)[0]
    assert 0 < len(some) < len(every)
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(DetectError, match="score_threshold"):
            loaded(photos[0], score_threshold=threshold)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8), 7]
)
def test_what_is_no_image_is_refused(loaded: BundleDetector, image: Any) -> None:
    with pytest.raises(DetectError, match="array"):
        loaded([image])
    with pytest.raises(DetectionError, match="no such image"):
        loaded("nowhere.png")


def test_without_masks_there_is_none(loaded: BundleDetector, photos: list[Path]) -> None:
    with pytest.raises(DetectError, match="no masks"):
        loaded(photos[0])[0].mask(0)


def test_what_the_certificate_does_not_cover_is_refused(
    bundle_folder: Path, photos: list[Path]
) -> None:
    with pytest.raises(BundleRuntimeError, match="verified with onnxruntime, not with openvino"):
        load(bundle_folder, engine="openvino")
    with pytest.raises(BundleRuntimeError, match="does not run without torch"):
        load(bundle_folder, engine="torch")
    rewrite(bundle_folder, lambda v: v["engine"].update(version="0.7.1"))
    with pytest.raises(BundleRuntimeError, match=r"onnxruntime==0\.7\.1"):
        load(bundle_folder)
    rewrite(bundle_folder, lambda v: v["engine"].update(machine="riscv64"))
    with pytest.raises(BundleMachineError, match="riscv64"):
        load(bundle_folder)
    with load(bundle_folder, verified_only=False, threads=2) as detector:
        assert detector.bundle.engine.threads == 2
        assert len(detector(photos[0], score_threshold=0.0)[0]) > 0


@pytest.mark.parametrize("name", ["model.onnx", "preprocess.json", "manifest.json"])
def test_a_changed_file_is_refused(bundle_folder: Path, name: str) -> None:
    path = bundle_folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleTamperedError, match=name):
        load(bundle_folder)


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda v: v.pop("engine"), "engine is missing"),
        (lambda v: v["engine"].update(nice=1), "unknown fields: nice"),
        (lambda v: v["engine"].pop("version"), "unknown fields: version"),
        (lambda v: v["engine"].update(threads=True), "engine.threads must be int"),
        (lambda v: v["engine"].update(name=None), "engine.name must be str"),
        (lambda v: v["engine"].update(file="engine.plan"), "not among the files"),
        (lambda v: v.pop("origin"), "origin.arch"),
        (lambda v: v.update(num_classes=4), "4 classes"),
        (lambda v: v.update(files=["model.onnx"]), "files must be an object"),
    ],
)
def test_a_manifest_of_the_wrong_form_is_refused(
    bundle_folder: Path, edit: Any, match: str
) -> None:
    rewrite(bundle_folder, edit)
    with pytest.raises(BundleError, match=match):
        read_runnable(bundle_folder)


def test_a_whole_bundle_and_its_runnable_part_say_the_same(exported: ExportResult) -> None:
    bundle, ready = exported.bundle, read_runnable(exported.bundle.path)
    for field in fields(ready):
        assert getattr(ready, field.name) == getattr(bundle, field.name)


def test_the_documented_example_runs(
    bundle_folder: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    text = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert textwrap.indent(example, "    ", str.strip) in (runtime.__doc__ or "")
    monkeypatch.chdir(bundle_folder.parent)
    shutil.copy(photos[1], "street.jpg")
    exec(compile(example, "verification.md", "exec"), {})
    assert "(" in capsys.readouterr().out
