"""The mask loss: targets by hand, its value, and where its gradients go."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from detection import Detector, TrainingError
from detection.losses.masks import mask_losses, mask_targets
from detection.losses.rcnn import RoiSample
from detection.losses.targets import read_targets
from tests.detection.variants import SIDE, VARIANTS

MASKED = ("mask_rcnn", "cascade_mask", "c4_mask")
CELLS = 8


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def object_at(x1: int, y1: int, x2: int, y2: int, side: int = SIDE) -> Tensor:
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[y1:y2, x1:x2] = True
    return mask


def target(*boxes: tuple[int, int, int, int], masks: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.arange(len(boxes)) % 3,
    }
    if masks:
        shapes = [object_at(*box) for box in boxes]
        found["masks"] = torch.stack(shapes) if shapes else torch.zeros(0, SIDE, SIDE)
    return found


def test_a_box_around_the_object_is_full() -> None:
    masks = object_at(8, 16, 24, 32).unsqueeze(0)
    made = mask_targets(torch.tensor([[8.0, 16, 24, 32]]), torch.tensor([0]), masks, CELLS)
    assert torch.equal(made, torch.ones(1, CELLS, CELLS))


def test_the_object_is_cropped_to_the_box_and_resampled() -> None:
    """Box twice as wide as the object, which fills its right half and lower quarter's rows."""
    masks = torch.stack([object_at(0, 0, 1, 1), object_at(20, 16, 24, 20)])
    made = mask_targets(torch.tensor([[16.0, 4, 24, 20]]), torch.tensor([1]), masks, CELLS)
    expected = torch.zeros(CELLS, CELLS)
    expected[6:, 4:] = 1  # x from 20 of 16..24, y from 16 of 4..20
    assert torch.equal(made[0], expected)


def test_each_box_has_its_own_object() -> None:
    masks = torch.stack([object_at(0, 0, 8, 8), object_at(8, 8, 16, 16)])
    boxes = torch.tensor([[8.0, 8, 16, 16], [0, 0, 16, 16], [0, 0, 16, 16]])
    made = mask_targets(boxes, torch.tensor([1, 1, 0]), masks, CELLS)
    assert made.sum((1, 2)).tolist() == [64, 16, 16]
    assert made[1, 4:, 4:].all()
    assert made[2, :4, :4].all()


def test_objects_outside_of_the_box_leave_it_empty() -> None:
    masks = object_at(40, 40, 50, 50).unsqueeze(0)
    made = mask_targets(torch.tensor([[0.0, 0, 30, 30]]), torch.tensor([0]), masks, CELLS)
    assert not made.any()


def gradients(detector: Detector) -> dict[str, float]:
    return {
        name: math.nan if p.grad is None else float(p.grad.abs().sum())
        for name, p in detector.named_parameters()
    }


@pytest.mark.parametrize("name", MASKED)
def test_gradients_reach_all_mask_parameters(name: str) -> None:
    detector = Detector(VARIANTS[name]).train()
    losses = detector.losses(
        torch.randn(2, 3, SIDE, SIDE), [target((10, 10, 50, 60), (30, 5, 80, 40)), target()]
    )
    found = {key: value for key, value in losses.items() if key.startswith("mask")}
    stages = 3 if name == "cascade_mask" else 1
    assert list(found) == ["mask", *(f"mask_{i}" for i in range(1, stages))]
    # Undecided pixels cost log 2, times the stage's weight.
    for value, weight in zip(found.values(), (1, 0.5, 0.25), strict=False):
        assert value.item() == pytest.approx(weight * math.log(2), rel=0.05)
    torch.stack(list(found.values())).sum().backward()
    made = gradients(detector)
    assert all(value > 0 for key, value in made.items() if "mask_head" in key)
    assert all(value > 0 for key, value in made.items() if "backbone" in key)
    others = [value for key, value in made.items() if "box_head" in key or "roi_stage" in key]
    assert all(map(math.isnan, others))


@pytest.mark.parametrize("name", MASKED)
def test_without_positive_boxes_it_is_zero_and_differentiable(name: str) -> None:
    detector = Detector(VARIANTS[name]).train()
    losses = detector.losses(torch.randn(2, 3, SIDE, SIDE), [target(), target()])
    mask = torch.stack([value for key, value in losses.items() if key.startswith("mask")])
    assert mask.tolist() == [0.0] * len(mask)
    mask.sum().backward()
    made = gradients(detector)
    assert {value for key, value in made.items() if "mask_head" in key} == {0.0}


def test_without_positive_boxes_it_is_zero_whatever_the_head_says() -> None:
    detector = Detector(VARIANTS["mask_rcnn"]).eval()
    with torch.no_grad():
        detector.nodes["mask_head"].get_parameter("predict.bias").fill_(math.inf)
        losses = detector.losses(torch.randn(1, 3, SIDE, SIDE), [target()])
    assert losses["mask"].item() == 0


def test_only_the_objects_class_learns() -> None:
    detector = Detector(VARIANTS["mask_rcnn"]).train()
    one = target((10, 10, 50, 60))
    one["labels"] = torch.tensor([1])
    detector.losses(torch.randn(1, 3, SIDE, SIDE), [one])["mask"].backward()
    bias = dict(detector.named_parameters())["nodes.mask_head.predict.bias"].grad
    assert bias is not None
    assert (bias != 0).tolist() == [False, True, False]


def test_every_positive_box_counts_alike() -> None:
    """Box by box through the modules; rows that fill up and background do not count."""
    detector = Detector(VARIANTS["mask_rcnn"]).eval()
    with torch.no_grad():
        detector.nodes["mask_head"].predict.weight.normal_(std=0.3)
    nodes = {node.name: node for node in detector.graph.nodes}
    levels = nodes["mask_roi_align"].inputs[:-1]
    values = detector.run({"image": torch.randn(2, 3, SIDE, SIDE)}, levels)
    maps = dict(zip(levels, values, strict=True))
    boxes = torch.tensor(
        [
            [[0.0, 0, 90, 90], [12, 8, 50, 60], [0, 0, 20, 20], [10, 10, 50, 60]],
            [[5.0, 5, 88, 90], [1, 2, 30, 30], [20, 25, 60, 70], [5, 5, 88, 90]],
        ]
    )
    matched = torch.tensor([[-1, 0, -1, 0], [0, -1, 1, 0]])
    weights = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 0]])
    labels = torch.where(matched < 0, 3, matched)
    raw = [target((10, 10, 50, 60)), target((5, 5, 90, 90), (20, 20, 60, 70))]
    targets = read_targets(raw, torch.zeros(2, 3, SIDE, SIDE), 3)
    drawn = RoiSample(boxes, labels, boxes, weights, matched)
    each = []
    for image, row in ((0, 1), (0, 3), (1, 0), (1, 2)):
        box, index = boxes[image, row], int(matched[image, row])
        pooled = detector.nodes["mask_roi_align"](
            *(maps[ref][image : image + 1] for ref in levels), box.view(1, 1, 4)
        )
        logits = detector.nodes["mask_head"](pooled)[0, index]
        whole = targets[image].masks[index]  # type: ignore[index]
        wanted = mask_targets(box.view(1, 4), torch.tensor([0]), whole.unsqueeze(0), 28)[0]
        p = logits.sigmoid()
        each.append(-(wanted * p.log() + (1 - wanted) * (1 - p).log()).mean())
    loss = mask_losses(detector, nodes["mask_head"], maps, drawn, targets)
    torch.testing.assert_close(loss, torch.stack(each).mean())


def test_targets_without_masks_are_refused() -> None:
    detector = Detector(VARIANTS["mask_rcnn"])
    good, bad = target((10, 10, 50, 60)), target((10, 10, 50, 60), masks=False)
    with pytest.raises(TrainingError, match=r"image 1 .* 1 objects without masks.*mask_head"):
        detector.losses(torch.randn(2, 3, SIDE, SIDE), [good, bad])
    empty = target(masks=False)
    assert detector.losses(torch.randn(1, 3, SIDE, SIDE), [empty])["mask"] == 0


def test_masks_of_the_wrong_size_are_refused() -> None:
    images = torch.zeros(1, 3, SIDE, SIDE)
    bad = target((10, 10, 50, 60)) | {"masks": torch.zeros(1, 20, 20)}
    with pytest.raises(TrainingError, match=r"here \(1, 96, 96\), got \(1, 20, 20\)"):
        read_targets([bad], images, 3)


def test_boxes_without_area_leave_with_their_masks() -> None:
    images = torch.zeros(1, 3, SIDE, SIDE)
    raw = target((10, 10, 50, 60), (20, 20, 20, 40), (1, 2, 30, 40))
    (read,) = read_targets([raw], images, 3)
    assert read.masks is not None
    assert read.masks.dtype == torch.bool
    assert torch.equal(read.masks, raw["masks"][[0, 2]])
