"""The second stage's detections against a plain loop over boxes and classes."""

import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import batched_nms, clip_boxes_to_image

from detection import build_module
from searchspaces import ModuleSpec, TensorSpec

ROWS, CLASSES = 30, 4


def make_spec(agnostic: bool, pre_nms: int, count: int) -> ModuleSpec:
    deltas = 4 if agnostic else 4 * CLASSES
    return ModuleSpec.of(
        "rcnn_detections",
        [
            TensorSpec((2 * ROWS, CLASSES + 1)),
            TensorSpec((2 * ROWS, deltas)),
            TensorSpec((2, ROWS, 4)),
            TensorSpec((2,), "int64"),
        ],
        batch=2,
        num_classes=CLASSES,
        class_agnostic=int(agnostic),
        image_h=50,
        image_w=70,
        score_threshold=0.05,
        nms_iou=0.5,
        max_detections=count,
        pre_nms=pre_nms,
    )


def reference(
    logits: Tensor, deltas: Tensor, boxes: Tensor, pre_nms: int, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Detect in one image as torchvision's RoIHeads does, its threshold and suppression."""
    coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
    decoded = coder.decode_single(deltas, boxes).reshape(len(boxes), -1, 4)
    decoded = clip_boxes_to_image(decoded.expand(-1, CLASSES, 4), (50, 70)).reshape(-1, 4)
    scores = logits.softmax(-1)[:, :-1].reshape(-1)
    labels = torch.arange(CLASSES).repeat(len(boxes))
    best = scores.argsort(descending=True)[:pre_nms]
    best = best[scores[best] > 0.05]
    best = best[((decoded[best, 2:] - decoded[best, :2]) >= 0.01).all(1)]
    kept = best[batched_nms(decoded[best], scores[best], labels[best], 0.5)][:count]
    return decoded[kept], scores[kept], labels[kept]


@pytest.mark.parametrize("agnostic", [False, True])
@pytest.mark.parametrize(("pre_nms", "count"), [(1000, 100), (40, 10), (15, 60)])
def test_detections_equal_the_reference(agnostic: bool, pre_nms: int, count: int) -> None:
    spec = make_spec(agnostic, pre_nms, count)
    logits, deltas = (torch.randn(t.shape) * 2 for t in spec.inputs[:2])
    corner = torch.rand(2, ROWS, 2) * 30
    boxes = torch.cat((corner, corner + torch.rand(2, ROWS, 2) * 20), -1)
    valid = torch.tensor([ROWS, 7])
    found = build_module(spec)(logits, deltas, boxes, valid)
    for image, rows in enumerate(valid.tolist()):
        part = slice(image * ROWS, image * ROWS + rows)
        expected = reference(logits[part], deltas[part], boxes[image, :rows], pre_nms, count)
        assert int(found[3][image]) == len(expected[0])
        for mine, theirs in zip(found[:3], expected, strict=True):
            torch.testing.assert_close(mine[image, : len(theirs)], theirs, rtol=1e-5, atol=1e-4)
            assert not mine[image, len(theirs) :].any()


def test_no_proposal_gives_no_detection() -> None:
    spec = make_spec(False, 100, 10)
    logits, deltas, boxes = (torch.randn(t.shape) for t in spec.inputs[:3])
    found = build_module(spec)(logits, deltas, boxes.abs(), torch.zeros(2, dtype=torch.int64))
    assert not any(bool(tensor.any()) for tensor in found)
