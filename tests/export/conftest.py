import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detection import Detector, Preprocess
from engines import TimingProtocol
from export import (
    Accuracy,
    AccuracyRow,
    EngineRecord,
    ExportRequest,
    ExportResult,
    GateLimits,
    Manifest,
    MeasuredLatency,
    ModuleShare,
    Origin,
    ParityReport,
    PredictedLatency,
    Session,
    export_detector,
    judge,
)
from export.bundle.postprocess import Postprocess
from export.machine import machine_name, runtime_version
from tests.export.module_runner import ModuleRunner

ARCH = "detnas-nano:21-20-2112-33"
OPTIONS = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}
LABELS = ("circle", "square", "triangle")
FAST = TimingProtocol(
    warmup_min_ms=0.0, min_samples=6, max_samples=6, max_seconds=0.2, target_rel_ci=1.0
)


@pytest.fixture(scope="session")
def make_detector() -> Callable[..., Detector]:
    """Make untrained detectors that are sure enough of themselves to detect something."""
    import torch

    from searchspaces import parse_arch

    def make(**options: object) -> Detector:
        space, arch = parse_arch(ARCH, **(OPTIONS | options))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            detector = Detector(space.detector(arch))
            with torch.no_grad():
                for name, value in detector.named_parameters():
                    if "classes" in name or "cls" in name:
                        value.copy_(torch.randn_like(value) * 0.3)
        return detector.eval()

    return make


@pytest.fixture(scope="session")
def detector(make_detector: Callable[..., Detector]) -> Detector:
    return make_detector()


@pytest.fixture(scope="session")
def torch_session(detector: Detector) -> Session:
    return Session(ModuleRunner(detector), Preprocess((64, 64)), Postprocess(), LABELS)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory, torch_session: Session) -> Path:
    """Images whose annotated objects are what the detector finds, so that its AP is high."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "val").mkdir()
    (folder / "annotations").mkdir()
    rng = np.random.default_rng(0)
    images, objects = [], []
    for number, (width, height) in enumerate(((90, 60), (64, 64), (40, 100), (128, 96)), 1):
        pixels = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
        image = Image.fromarray(pixels).resize((width, height))
        image.save(folder / "val" / f"{number}.png")
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": width, "height": height}
        )
        found = torch_session.detect(image)
        for box, label in zip(found.boxes[:5].tolist(), found.labels[:5].tolist(), strict=True):
            x1, y1, x2, y2 = box
            objects.append(
                {
                    "id": len(objects) + 1,
                    "image_id": number,
                    "category_id": 10 * (label + 1),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 10 * (i + 1), "name": name} for i, name in enumerate(LABELS)]
    document = {"images": images, "annotations": objects, "categories": categories}
    (folder / "annotations" / "instances_val.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="session")
def export_request(detector: Detector, data_folder: Path) -> ExportRequest:
    return ExportRequest(
        detector=detector,
        origin=Origin(ARCH, OPTIONS, 7, ("detfit export ...",)),
        labels=LABELS,
        preprocess=Preprocess((64, 64)),
        data_dir=data_folder,
        limits=GateLimits(budget_ms=60_000.0),
        protocol=FAST,
    )


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, export_request: ExportRequest
) -> ExportResult:
    return export_detector(export_request, tmp_path_factory.mktemp("bundles") / "bundle")


@pytest.fixture
def bundle_folder(tmp_path: Path, exported: ExportResult) -> Path:
    """A copy of the bundle that a test may damage."""
    return Path(shutil.copytree(exported.bundle.path, tmp_path / "bundle"))


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        origin=Origin(ARCH, OPTIONS, 7, ("detfit export ...",)),
        input_hw=(64, 64),
        num_classes=3,
        engine=EngineRecord(
            name="onnxruntime",
            version=runtime_version("onnxruntime") or "",
            file="model.onnx",
            machine=machine_name(),
            device={"kind": "cpu", "name": "Test CPU", "cores": 2, "clocks_mhz": {"cpu": 2000.0}},
        ),
        limits=GateLimits(budget_ms=7.0),
        predicted=predicted(),
        measured=measured(),
        accuracy=accuracy(),
        parity=parity(),
        verdict=judge(
            parity=parity(),
            accuracy=accuracy(),
            measured=measured(),
            predicted=predicted(),
            budget_ms=7.0,
        ),
        created="2026-01-02T03:04:05+00:00",
        detfit_version="0.1.0",
        files={"model.onnx": "0" * 64},
    )


def accuracy(
    torch: float | None = 40.0,
    engine: float | None = 39.9,
    drop_ci: tuple[float, float] | None = (-0.1, 0.3),
    images: int = 100,
) -> Accuracy:
    row = AccuracyRow("AP", torch, engine, drop_ci)
    return Accuracy("data val", images, LABELS, (row,), resamples=1000)


def predicted(**changes: object) -> PredictedLatency:
    shares = (ModuleShare("backbone_stem", "backbone", 4.0), ModuleShare("neck", "neck", 2.0))
    return replace(PredictedLatency(6.0, 5.8, 6.2, 0.9, 1.0, shares), **changes)  # type: ignore[arg-type]


def measured(**changes: object) -> MeasuredLatency:
    return replace(MeasuredLatency(6.1, (6.0, 6.2), 6.4, 6.9, 50), **changes)  # type: ignore[arg-type]


def parity(**changes: object) -> ParityReport:
    good = ParityReport(
        images=10,
        torch_detections=200,
        engine_detections=200,
        torch_matched=199,
        engine_matched=199,
        excused=0,
        max_score_difference=1e-5,
        min_iou=0.999,
        iou=0.99,
        score_floor=0.05,
    )
    return replace(good, **changes)  # type: ignore[arg-type]


@pytest.fixture
def make_accuracy() -> Callable[..., Accuracy]:
    return accuracy


@pytest.fixture
def make_predicted() -> Callable[..., PredictedLatency]:
    return predicted


@pytest.fixture
def make_measured() -> Callable[..., MeasuredLatency]:
    return measured


@pytest.fixture
def make_parity() -> Callable[..., ParityReport]:
    return parity
