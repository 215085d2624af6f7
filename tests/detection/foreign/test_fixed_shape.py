"""torchvision's detectors with fixed shapes find what torchvision finds, on photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from detection import (
    BuildError,
    MatchOptions,
    Preprocess,
    dynamic_batch,
    fixed_shape,
    foreign_preprocess,
    match_all,
    open_split,
)
from tests.detection.foreign.torchvision_detectors import (
    CLASSES,
    NAMES,
    QUICK,
    make,
    own,
    own_detections,
    padded_detections,
)

INPUT_HW = (160, 192)
# At its only stride, 32, small proposals of one cell are pooled alike and have equal scores, to
# the last digit: which of them suppresses the other is an accident.
TIED = ("fasterrcnn_mobilenet_v3_large_320_fpn",)
names = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in NAMES]
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photographs(coco80: Path) -> Tensor:
    dataset = open_split(coco80, "val", Preprocess(INPUT_HW)).first(6)
    return torch.stack([dataset[number][0] for number in range(6)])


@names
def test_it_finds_what_torchvision_finds(name: str, photographs: Tensor) -> None:
    model = make(name, photographs[:4])
    detector = fixed_shape(model, INPUT_HW)
    with torch.no_grad():
        outputs = detector(photographs)
        with dynamic_batch():
            again = detector(photographs)
    for left, right in zip(outputs, again, strict=True):
        torch.testing.assert_close(left, right)
    mine, theirs = padded_detections(outputs), own_detections(model, photographs)
    rows = outputs[1].shape[1]
    report = match_all(mine, theirs, MatchOptions(score_floor=0.05, top_d=rows))
    assert min(report.n_a, report.n_b) >= 50
    f1 = (report.matched_a + report.matched_b) / (report.n_a + report.n_b)
    assert f1 >= (0.999 if name not in TIED else 0.995)
    assert report.max_score_diff < 1e-4


@pytest.mark.slow
def test_masks_are_torchvisions(photographs: Tensor) -> None:
    model = make("maskrcnn_resnet50_fpn", photographs[:4])
    detector = fixed_shape(model, INPUT_HW)
    (found,) = own(model, photographs[:1])
    with torch.no_grad():
        boxes, scores, _, count, masks = detector(photographs[:1])
    assert int(count) == len(found["scores"]) > 20
    torch.testing.assert_close(scores[0, : int(count)], found["scores"], atol=1e-4, rtol=0)
    same = (boxes[0, : int(count)] - found["boxes"]).abs().amax(-1) < 1e-2
    assert int(same.sum()) >= 0.9 * int(count)
    torch.testing.assert_close(
        masks[0, : int(count)][same], found["masks"][same, 0], atol=1e-3, rtol=0
    )


def test_images_without_objects_give_none() -> None:
    build = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn
    model = build(weights=None, weights_backbone=None, num_classes=91)  # 1 / 91 is below 0.05
    detector = fixed_shape(model, (96, 96))
    with torch.no_grad():
        boxes, scores, labels, count = detector(torch.zeros(2, 3, 96, 96))
    assert count.tolist() == [0, 0]
    assert not any(bool(tensor.any()) for tensor in (boxes, scores, labels))
    assert boxes.shape == (2, model.roi_heads.detections_per_img, 4)


def test_the_spec_and_the_preprocessing_are_the_models() -> None:
    build = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn
    model = build(
        weights=None, weights_backbone=None, num_classes=CLASSES, image_mean=[0.1, 0.2, 0.3]
    )
    detector = fixed_shape(model, (96, 128))
    assert detector.spec.input_hw == (96, 128)
    assert detector.spec.num_classes == CLASSES
    assert detector.spec.output_names == ("boxes", "scores", "labels", "count")
    assert not detector.training
    preprocess = foreign_preprocess(model, (96, 128))
    assert preprocess == Preprocess((96, 128), mean=(0.1, 0.2, 0.3))


def test_what_has_no_place_is_refused() -> None:
    models = torchvision.models.detection
    plain = {"weights": None, "weights_backbone": None}
    with pytest.raises(BuildError, match="keypoints have no place"):
        fixed_shape(models.keypointrcnn_resnet50_fpn(**plain), (96, 96))
    with pytest.raises(BuildError, match="got Linear"):
        fixed_shape(nn.Linear(1, 1), (96, 96))
    small = models.fasterrcnn_mobilenet_v3_large_320_fpn(**plain)
    with pytest.raises(BuildError, match="got 0 and"):
        fixed_shape(small, (96, 96), candidates=0)
    small.roi_heads.box_coder.weights = (10.0, 9.0, 5.0, 5.0)
    with pytest.raises(BuildError, match="equal in x and y"):
        fixed_shape(small, (96, 96))


def test_fewer_candidates_are_taken_where_they_do_not_matter(photographs: Tensor) -> None:
    model = make(QUICK[0], photographs[:2])
    with torch.no_grad():
        few = fixed_shape(model, INPUT_HW, candidates=1000)(photographs[:1])
        many = fixed_shape(model, INPUT_HW, candidates=3000)(photographs[:1])
    np.testing.assert_allclose(few[1], many[1], atol=1e-6)
