"""The second stage's detections against a plain loop over boxes and classes, and its head."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import batched_nms, clip_boxes_to_image

from detection import build_module
from searchspaces import ModuleSpec, TensorSpec

ROWS, CLASSES = 30, 4


def make_spec(
    agnostic: bool, pre_nms: int, count: int, stds: tuple[float, float] = (0.1, 0.2)
) -> ModuleSpec:
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
        std_xy=stds[0],
        std_wh=stds[1],
        image_h=50,
        image_w=70,
        score_threshold=0.05,
        nms_iou=0.5,
        max_detections=count,
        pre_nms=pre_nms,
    )


def reference(
    logits: Tensor,
    deltas: Tensor,
    boxes: Tensor,
    pre_nms: int,
    count: int,
    stds: tuple[float, float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Detect in one image as torchvision's RoIHeads does, its threshold and suppression."""
    coder = BoxCoder((1 / stds[0], 1 / stds[0], 1 / stds[1], 1 / stds[1]))
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
@pytest.mark.parametrize("stds", [(0.1, 0.2), (0.033, 0.067)])
def test_detections_equal_the_reference(
    agnostic: bool, pre_nms: int, count: int, stds: tuple[float, float]
) -> None:
    spec = make_spec(agnostic, pre_nms, count, stds)
    logits, deltas = (torch.randn(t.shape) * 2 for t in spec.inputs[:2])
    corner = torch.rand(2, ROWS, 2) * 30
    boxes = torch.cat((corner, corner + torch.rand(2, ROWS, 2) * 20), -1)
    valid = torch.tensor([ROWS, 7])
    found = build_module(spec)(logits, deltas, boxes, valid)
    for image, rows in enumerate(valid.tolist()):
        part = slice(image * ROWS, image * ROWS + rows)
        expected = reference(logits[part], deltas[part], boxes[image, :rows], pre_nms, count, stds)
        assert int(found[3][image]) == len(expected[0])
        for mine, theirs in zip(found[:3], expected, strict=True):
            torch.testing.assert_close(mine[image, : len(theirs)], theirs, rtol=1e-5, atol=1e-4)
            assert not mine[image, len(theirs) :].any()


def test_no_proposal_gives_no_detection() -> None:
    spec = make_spec(False, 100, 10)
    logits, deltas, boxes = (torch.randn(t.shape) for t in spec.inputs[:3])
    found = build_module(spec)(logits, deltas, boxes.abs(), torch.zeros(2, dtype=torch.int64))
    assert not any(bool(tensor.any()) for tensor in found)


def make_head(average: int, convs: int, norm: str = "none") -> ModuleSpec:
    return ModuleSpec.of(
        "box_head",
        [TensorSpec((6, 4, 7, 5))],
        batch=2,
        average=average,
        num_convs=convs,
        conv_channels=8 if convs else 0,
        num_fcs=1,
        fc_channels=10,
        norm=norm,
        num_classes=CLASSES,
        class_agnostic=0,
    )


def test_an_averaging_head_sees_the_mean_of_a_boxs_features() -> None:
    head, x = build_module(make_head(1, 0)).eval(), torch.randn(6, 4, 7, 5)
    means = torch.stack([torch.stack([x[i, c].mean() for c in range(4)]) for i in range(6)])
    (first,) = (m for m in head.get_submodule("shared").modules() if isinstance(m, nn.Linear))
    hidden = torch.relu(means @ first.weight.T + first.bias)
    for made, name in zip(head(x), ("classes", "deltas"), strict=True):
        torch.testing.assert_close(made, head.get_submodule(name)(hidden))
    shuffled = x.flatten(2)[..., torch.randperm(35)].view_as(x)
    torch.testing.assert_close(head(shuffled)[0], head(x)[0])
    plain = build_module(make_head(0, 0)).eval()
    assert not torch.allclose(plain(shuffled)[0], plain(x)[0])


@pytest.mark.parametrize(("norm", "standardised"), [("bn", 0), ("gn", 0), ("gn_ws", 2)])
def test_convolutions_of_a_standardising_head_are_standardised(
    norm: str, standardised: int
) -> None:
    head = build_module(make_head(0, 2, norm))
    assert sum(parametrize.is_parametrized(m) for m in head.modules()) == standardised
    norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)]
    assert [type(m) for m in norms] == [nn.BatchNorm2d if norm == "bn" else nn.GroupNorm] * 2


def make_refine(stds: tuple[float, float]) -> ModuleSpec:
    return ModuleSpec.of(
        "refine_boxes",
        [TensorSpec((6, 4)), TensorSpec((2, 3, 4))],
        batch=2,
        std_xy=stds[0],
        std_wh=stds[1],
        image_h=50,
        image_w=70,
    )


def test_refined_boxes_by_hand() -> None:
    """Deltas are in units of the stage's deviations; what leaves the image is clipped."""
    boxes = torch.tensor([[10.0, 10, 30, 20], [40, 5, 60, 45], [0, 0, 70, 50]]).repeat(2, 1, 1)
    deltas = torch.zeros(6, 4)
    deltas[0] = torch.tensor([2.0, 0, 0, 0])  # 2 * 0.05 * 20 px = 2 px to the right
    deltas[1] = torch.tensor([0.0, -1, 0, 0])  # 0.05 * 40 px = 2 px up
    deltas[3] = torch.tensor([0.0, 0, math.log(2) / 0.1, 0])  # twice as wide
    deltas[4] = torch.tensor([20.0, 0, 0, 0])  # 20 px to the right, over the border
    deltas[5] = torch.tensor([0.0, 0, 1, 1])  # larger than the image
    made = build_module(make_refine((0.05, 0.1)))(deltas, boxes)
    expected = [
        [[12, 10, 32, 20], [40, 3, 60, 43], [0, 0, 70, 50]],
        [[0, 10, 40, 20], [60, 5, 70, 45], [0, 0, 70, 50]],
    ]
    torch.testing.assert_close(made, torch.tensor(expected).float())


@pytest.mark.parametrize("stds", [(0.1, 0.2), (0.025, 0.05)])
def test_refined_boxes_equal_box_coders(stds: tuple[float, float]) -> None:
    deltas, corner = torch.randn(6, 4) * 3, torch.rand(2, 3, 2) * 30
    boxes = torch.cat((corner, corner + torch.rand(2, 3, 2) * 20), -1)
    coder = BoxCoder((1 / stds[0], 1 / stds[0], 1 / stds[1], 1 / stds[1]))
    decoded = coder.decode_single(deltas, boxes.reshape(-1, 4))
    expected = clip_boxes_to_image(decoded, (50, 70)).reshape(2, 3, 4)
    made = build_module(make_refine(stds))(deltas, boxes)
    torch.testing.assert_close(made, expected, rtol=1e-5, atol=1e-4)


def test_padded_rows_stay_zero() -> None:
    deltas = torch.tensor([[1e4, -1e4, 1e4, 1e4]]).repeat(6, 1)
    assert not build_module(make_refine((0.1, 0.2)))(deltas, torch.zeros(2, 3, 4)).any()


def test_a_diverged_stage_gives_boxes_that_can_be_pooled() -> None:
    boxes = torch.tensor([[10.0, 10, 30, 20], [40, 5, 60, 45], [0, 0, 70, 50]]).repeat(2, 1, 1)
    made = build_module(make_refine((0.1, 0.2)))(torch.full((6, 4), math.nan), boxes)
    assert torch.equal(made, torch.zeros(2, 3, 4))


@pytest.mark.parametrize("stages", [2, 3, 4])
def test_scores_are_the_mean_of_the_logits(stages: int) -> None:
    spec = ModuleSpec.of("average_scores", [TensorSpec((6, 5))] * stages, batch=2)
    logits = [torch.randn(6, 5) for _ in range(stages)]
    torch.testing.assert_close(build_module(spec)(*logits), torch.stack(logits).mean(0))
