"""Mask R-CNN from detector to bundle to drawn photograph, and its cascade."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from detection import (
    Detector,
    Preprocess,
    ShapesRecipe,
    decode_rle,
    write_shapes,
)
from detection.data.rle import encode_rle
from export import (
    DetectError,
    Detections,
    ExportRequest,
    ExportResult,
    GateLimits,
    GraphError,
    Origin,
    Postprocess,
    Session,
    check_graph,
    detect_files,
    detector_to_onnx,
    export_detector,
    verify_bundle,
)
from export.bundle.postprocess import unpad_masks
from export.graph.model import CONTROL_FLOW
from export.running.drawing import draw
from export.runtime import load
from searchspaces import MASKS, SPACES
from tests.export.conftest import FAST, LABELS
from tests.export.masked_nano import CODE, NAME, MaskedNano, make_detector
from tests.export.module_runner import ModuleRunner


@pytest.fixture(autouse=True)
def _space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPACES, NAME, MaskedNano)


@pytest.fixture(scope="module")
def masked() -> Detector:
    return make_detector()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(
        num_train=4, num_val=3, image_hw=(60, 60), max_image_hw=(60, 90), size_px=(20, 40)
    )
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


@pytest.fixture
def request_(masked: Detector, shapes: Path) -> ExportRequest:
    return ExportRequest(
        detector=masked,
        origin=Origin(f"{NAME}:{CODE}", {"stages": 1}, 7),
        labels=LABELS,
        preprocess=Preprocess((64, 64)),
        data_dir=shapes,
        limits=GateLimits(budget_ms=60_000.0),
        protocol=FAST,
    )


@pytest.fixture
def exported(tmp_path: Path, request_: ExportRequest) -> ExportResult:
    return export_detector(request_, tmp_path / "bundle")


@pytest.mark.parametrize("stages", [1, 3])
@pytest.mark.parametrize("batch", [1, 2])
def test_engines_give_torchs_masks(stages: int, batch: int) -> None:
    detector = make_detector(stages)
    model = detector_to_onnx(detector, batch=batch)
    assert [value.name for value in model.graph.output][-1] == MASKS
    assert not {node.op_type for node in model.graph.node} & {*CONTROL_FLOW, "NonZero"}
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    image = np.random.default_rng(1).standard_normal((batch, 3, 64, 64), np.float32)
    found = session.run(None, {"image": image})
    with torch.inference_mode():
        expected = [tensor.numpy() for tensor in detector(torch.from_numpy(image))]
    assert expected[3].min() > 0, "the test needs detections"
    assert expected[4].shape == (batch, 12, 28, 28)
    for row, count in enumerate(expected[3]):
        spread = expected[4][row, :count]
        assert spread.std() > 0.02
        for mine, theirs in zip(found, expected, strict=True):
            if theirs.ndim > 1:
                np.testing.assert_allclose(
                    mine[row, :count], theirs[row, :count], rtol=1e-4, atol=1e-3
                )


def test_masks_of_another_shape_are_refused(masked: Detector) -> None:
    model = detector_to_onnx(masked)
    masks = model.graph.output[-1]
    good = masks.type.tensor_type.shape.dim[1].dim_value
    masks.type.tensor_type.shape.dim[1].dim_value = good + 1
    with pytest.raises(GraphError, match=r"output 'masks' has the shape \(1, 13, 28, 28\)"):
        check_graph(model)
    masks.type.tensor_type.shape.dim[1].ClearField("dim_value")
    with pytest.raises(GraphError, match="every size must be fixed"):
        check_graph(model)


def test_a_bundle_of_masks_is_verified(exported: ExportResult) -> None:
    report = exported.report
    assert report is not None
    assert report.parity.matched_fraction == 1.0
    assert report.parity.torch_detections > 0
    assert report.parity.mask_iou is not None
    assert report.parity.mask_iou > 0.99
    assert report.torch_coco is not None
    assert report.torch_coco.masks is not None
    assert {row.metric for row in report.accuracy.rows} >= {"AP", "mask AP", "mask AP50"}
    outputs = json.loads((exported.bundle.path / "postprocess.json").read_text())["outputs"]
    assert "inside of the box" in outputs["masks"]
    assert exported.bundle.postprocess.masks
    manifest = json.loads((exported.bundle.path / "manifest.json").read_text())
    assert manifest["parity"]["mask_iou"] == report.parity.mask_iou


def test_a_bundle_is_verified_again(exported: ExportResult, shapes: Path) -> None:
    again = verify_bundle(exported.bundle, shapes, latency=False, limit=2)
    assert again.parity.mask_iou is not None
    assert again.parity.mask_iou > 0.99


def test_data_without_outlines_is_refused_before_anything_is_built(
    request_: ExportRequest, data_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"annotations\[0\]\.segmentation: missing"):
        export_detector(replace(request_, data_dir=data_folder), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_detecting_lists_and_draws_masks(
    exported: ExportResult, shapes: Path, tmp_path: Path
) -> None:
    photos = sorted((shapes / "val").glob("*.png"))
    results = detect_files(exported.bundle, photos, tmp_path / "out", score_threshold=0.06)
    listed = json.loads((tmp_path / "out" / "detections.json").read_text())["results"]
    seen = 0
    for photo, result, item in zip(photos, results, listed, strict=True):
        with Image.open(photo) as image:
            size = [image.height, image.width]
        for found, written in zip(result.objects, item["objects"], strict=True):
            assert written["mask"] == found.mask
            assert written["mask"]["size"] == size
            rows, columns = np.nonzero(decode_rle(written["mask"]))
            if not len(rows):
                continue
            seen += 1
            x1, y1, x2, y2 = found.box
            assert x1 - 1 <= columns.min() <= columns.max() + 1 <= x2 + 1
            assert y1 - 1 <= rows.min() <= rows.max() + 1 <= y2 + 1
    assert seen > 3


def test_torch_as_the_engine(request_: ExportRequest, masked: Detector, shapes: Path) -> None:
    session = Session(ModuleRunner(masked), request_.preprocess, Postprocess(), LABELS)
    found = session.detect(Image.open(next((shapes / "val").glob("*.png"))))
    assert found.masks is not None
    assert len(found.masks) == len(found)


def detections() -> Detections:
    edges = (np.ones((20, 10), bool), 0), (np.ones((20, 10), bool), 30)
    return Detections(
        np.array([[0.0, 0, 10, 20], [30, 0, 40, 20]]),
        np.array([0.9, 0.2]),
        np.array([0, 1]),
        tuple(encode_rle(mask, (20, 40), left=left) for mask, left in edges),
    )


def test_masks_leave_with_their_detections() -> None:
    kept = detections().above(0.5)
    assert kept.masks is not None
    assert len(kept) == len(kept.masks) == 1
    assert decode_rle(kept.masks[0])[:, :10].all()


def test_masks_are_drawn_translucently() -> None:
    photo = Image.fromarray(np.full((20, 40, 3), 200, np.uint8))
    whole = detections()
    plain = replace(whole, masks=None)
    drawn, bare = (np.asarray(draw(photo, found, ("a", "b"))) for found in (whole, plain))
    changed = (drawn != bare).any(-1)
    assert changed[:, 10:30].sum() == 0
    assert changed[16:19, 2:8].all()
    inside = drawn[17, 4].astype(int)
    assert inside.tolist() != [200, 200, 200]
    assert (abs(inside - 200) < 120).all()  # the photograph shines through


@pytest.mark.parametrize(
    ("masks", "match"),
    [
        (np.zeros((2, 4, 28, 28)), r"\(2, 4, 28, 28\)"),
        (np.zeros((2, 3, 28)), "not"),
        (np.full((2, 3, 28, 28), np.nan), "not finite"),
    ],
)
def test_wrong_masks_are_refused(masks: np.ndarray, match: str) -> None:
    outputs: dict[str, Any] = {"scores": np.zeros((2, 3)), "masks": masks}
    with pytest.raises(DetectError, match=match):
        unpad_masks(outputs, 0, 2)
    assert unpad_masks({"scores": np.zeros((2, 3))}, 0, 2) is None


def test_descriptions_of_both_kinds_are_read_back() -> None:
    for described in (Postprocess(0.4), Postprocess(0.4, masks=True)):
        assert Postprocess.from_json(described.to_json()) == described


def test_the_loader_for_devices_gives_the_same_masks(exported: ExportResult) -> None:
    image = Image.effect_noise((90, 60), 90.0).convert("RGB")
    with Session.open(exported.bundle) as session:
        expected = session.detect(image)
    with load(exported.bundle.path) as detector:
        (found,) = detector(image, score_threshold=0.0)
    assert found.masks == expected.masks
    assert len(found) > 0
    mask = found.mask(0)
    assert mask.shape == (60, 90)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, decode_rle(found.masks[0]))
