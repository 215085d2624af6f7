"""A bundle of TensorRT: exported, verified and detected with on a pretended GPU."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engines import EngineBuildError
from engines.tensorrt.cuda import Gpu
from export import (
    Bundle,
    BundleMachineError,
    BundleRuntimeError,
    BundleTamperedError,
    ExportRequest,
    ExportResult,
    Session,
    export_detector,
    load_bundle,
    verify_bundle,
)
from export.bundle import platforms
from export.runtime import load
from export.verification.certify import verify_here
from tests.engines.tensorrt.fake_cuda import H200, V100
from tests.engines.tensorrt.pretending import pretend

PHOTO = Image.effect_noise((200, 120), 80.0)
OTHER_BOARD = replace(V100, name="Tesla V100-SXM2-32GB")


def pretend_here(monkeypatch: pytest.MonkeyPatch, version: str = "10.4.0", on: Gpu = V100) -> Any:
    """Have TensorRT and a GPU installed, also for whoever asks which version is."""
    monkeypatch.setattr(platforms, "runtime_version", lambda engine: version)
    return pretend(monkeypatch, version, on=on)[1]


@pytest.fixture(scope="module")
def bundle(
    tmp_path_factory: pytest.TempPathFactory, export_request: ExportRequest
) -> Iterator[Bundle]:
    """Exported on a V100 with TensorRT 10.4.0 and a timing cache."""
    with pytest.MonkeyPatch.context() as patched:
        pretend_here(patched)
        request = replace(
            export_request,
            engine="tensorrt",
            device="cuda:0",
            engine_options=("timing_cache=empty", "level=2"),
        )
        found: ExportResult = export_detector(request, tmp_path_factory.mktemp("plans") / "b")
        yield found.bundle


def detections(session: Session[Any]) -> tuple[np.ndarray, np.ndarray]:
    found = session.detect(PHOTO)
    return found.boxes, found.scores


def test_the_manifest_says_how_the_plan_was_built(bundle: Bundle) -> None:
    engine = bundle.manifest.engine
    assert (engine.name, engine.file) == ("tensorrt", "engine.plan")
    assert engine.version == "10.4.0 (timing cache empty)"
    build = engine.build
    assert (build["tensorrt"], build["capability"]) == ("10.4.0", "7.0")
    assert (build["typing"], build["flags"], build["level"]) == ("weak", "", "2")
    files = bundle.manifest.files
    assert files["timing.cache"] == build["timing_cache_after"] != build["timing_cache"]
    assert files["model.onnx"] == build["onnx"]
    assert "engine.plan" in files
    written = json.loads((bundle.path / "manifest.json").read_bytes())
    assert written["engine"]["build"] == build


def test_the_plan_is_loaded_and_nothing_is_built(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, torch_session: Session[Any]
) -> None:
    trt = pretend_here(monkeypatch)
    with Session.open(bundle.path) as session:
        boxes, scores = detections(session)
        assert session.engine.device.options == "level=2"
    assert trt.state.configs == []
    expected = torch_session.detect(PHOTO)
    np.testing.assert_allclose(scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(boxes, expected.boxes, atol=1e-2)


def test_the_runtime_finds_the_same(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = pretend_here(monkeypatch)
    with Session.open(bundle.path) as session, load(bundle.path) as detector:
        (found,) = detector(PHOTO, score_threshold=0.0)
        boxes, scores = detections(session)
    np.testing.assert_array_equal(found.boxes, boxes)
    np.testing.assert_array_equal(found.scores, scores)
    assert trt.state.configs == []


def test_a_bundle_is_verified_with_its_plan(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    trt = pretend_here(monkeypatch)
    report = verify_bundle(bundle.path, data_folder, latency=False)
    assert report.parity.f1 == 1.0
    assert trt.state.configs == []


def test_another_compute_capability_is_refused(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_here(monkeypatch, on=H200)
    with pytest.raises(BundleMachineError) as caught:
        Session.open(bundle.path)
    message = str(caught.value)
    assert "built for compute capability 7.0, this GPU (NVIDIA H200) has 9.0" in message
    command = f"detfit export {bundle.arch} --weights {bundle.weights_path} --engine tensorrt"
    assert command in message
    assert message.endswith("builds an engine from model.onnx")


@pytest.mark.parametrize("version", ["10.3.0", "10.4.1", "8.6.1", "11.4.0"])
def test_another_tensorrt_is_refused(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    pretend_here(monkeypatch, version, on=H200)
    wanted = rf"10\.4\.0.*installed is {version}; run: pip install tensorrt==10\.4\.0, or export"
    with pytest.raises(BundleRuntimeError, match=wanted):
        Session.open(bundle.path)


def test_another_build_of_the_release_is_refused(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose package says the same version."""
    pretend_here(monkeypatch, "10.4.0.27")
    with pytest.raises(
        BundleRuntimeError, match=r"built by TensorRT 10\.4\.0, which alone loads it; installed"
    ):
        Session.open(bundle.path)


def test_another_board_of_the_same_kind_is_not_covered(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_here(monkeypatch, on=OTHER_BOARD)
    with pytest.raises(BundleMachineError, match=r"SXM2-16GB.*SXM2-32GB"):
        Session.open(bundle.path)


@pytest.mark.parametrize(("version", "gpu"), [("10.4.0", H200), ("10.13.0.35", H200)])
def test_unverified_it_is_built_from_the_onnx_file(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, version: str, gpu: Gpu
) -> None:
    trt = pretend_here(monkeypatch, version, on=gpu)
    with load(bundle.path, verified_only=False) as detector:
        (found,) = detector(PHOTO, score_threshold=0.0)
    assert len(trt.state.configs) == 1
    assert len(found) > 0


def test_unverified_on_a_board_of_the_same_kind_the_plan_is_loaded(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    trt = pretend_here(monkeypatch, on=OTHER_BOARD)
    with load(bundle.path, verified_only=False) as detector:
        assert len(detector(PHOTO, score_threshold=0.0)[0]) > 0
    assert trt.state.configs == []


def test_engines_that_read_the_model_keep_no_record(exported: ExportResult) -> None:
    manifest = exported.bundle.manifest
    assert manifest.engine.build == {}
    assert not {"timing.cache", "calibration.cache", "engine.plan"} & set(manifest.files)


def test_a_damaged_record_is_refused(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_here(monkeypatch)
    read = load_bundle(bundle.path)
    engine = replace(read.engine, build={**read.engine.build, "colour": "red"})
    with pytest.raises(EngineBuildError, match="unknown fields: colour"):
        Session.open(replace(read, engine=engine))


def test_verified_elsewhere_it_is_built_anew_and_not_certified(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    trt = pretend_here(monkeypatch, on=H200)
    found = verify_here(bundle.path, data_folder, latency=False, certify=True)
    assert found.report.parity.f1 == 1.0
    assert not found.certified
    assert "export it again here" in found.note
    assert len(trt.state.configs) == 1


def test_verified_where_it_was_built_it_is_certified_already(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    trt = pretend_here(monkeypatch)
    found = verify_here(bundle.path, data_folder, latency=False)
    assert (found.certified, found.note) == (True, "there already")
    assert trt.state.configs == []


def test_its_report_speaks_of_its_own_release(bundle: Bundle) -> None:
    page = bundle.report_path.read_text()
    assert page.index("TensorRT 10.4 fp32") < page.index("TensorRT 8.6 fp32")


def test_one_flipped_byte_of_any_file_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    names = {*bundle.manifest.files, "manifest.json", "manifest.sha256"}
    assert names >= {"engine.plan", "timing.cache"}
    folder = Path(shutil.copytree(bundle.path, tmp_path / "b"))
    for name in sorted(names):
        content = (folder / name).read_bytes()
        middle = len(content) // 2
        (folder / name).write_bytes(
            content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        )
        with pytest.raises(BundleTamperedError, match="manifest" if "mani" in name else name):
            load_bundle(folder, check_machine=False)
        (folder / name).write_bytes(content)
    load_bundle(folder, check_machine=False)
