"""Guided anchoring's four losses: by hand, and what they teach."""

import math

import pytest
import torch
from torch import Tensor

from detection import TrainingError, build_module
from detection.losses import Targets
from detection.losses.guided import GuidedLossConfig, bounded_iou_loss, guided_rpn_losses
from detection.modules.guided import GuidedRpnHead, reshape_squares
from searchspaces import ModuleSpec, TensorSpec
from tests.detection.losses.test_guided_targets import CELLS, SIZES, boxes_of, make_selection

CONFIG = GuidedLossConfig()
NAMES = {"rpn_location", "rpn_shape", "rpn_class", "rpn_box"}


def targets_of(*rows: list[float]) -> Targets:
    return Targets(boxes_of(list(rows)), torch.zeros(len(rows), dtype=torch.int64))


def zeros(batch: int = 1) -> tuple[Tensor, ...]:
    shapes = ((batch, CELLS), (batch, CELLS, 2), (batch, CELLS), (batch, CELLS, 4))
    return tuple(torch.zeros(shape, requires_grad=True) for shape in shapes)


def losses_of(
    predictions: tuple[Tensor, ...], *targets: Targets, config: GuidedLossConfig = CONFIG
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return guided_rpn_losses(predictions, make_selection(), list(targets), config, generator)


def make_head() -> tuple[GuidedRpnHead, list[Tensor]]:
    levels = [TensorSpec((2, 8, *size)) for size in SIZES]
    spec = ModuleSpec.of("guided_rpn_head", levels, batch=2, channels=8, deform_groups=4)
    head = build_module(spec)
    assert isinstance(head, GuidedRpnHead)
    return head, [torch.randn(t.shape) for t in levels]


@pytest.mark.parametrize("rows", [[[20, 10, 52, 50], [1, 1, 20, 12]], []])
def test_gradients_reach_every_parameter(rows: list[list[float]]) -> None:
    head, maps = make_head()
    losses = losses_of(head(*maps), targets_of(*rows), targets_of())
    assert losses.keys() == NAMES
    assert all(loss.ndim == 0 and loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()  # type: ignore[union-attr]  # it is not empty
    taught = {name for name, p in head.named_parameters() if p.grad is not None and p.grad.any()}
    unpaired = {
        name for name, _ in head.named_parameters() if name.startswith(("shape", "deltas"))
    }
    assert taught == {name for name, _ in head.named_parameters()} - (set() if rows else unpaired)
    assert all(p.grad is not None for p in head.parameters())


def test_an_image_without_objects_by_hand() -> None:
    losses = losses_of(zeros(2), targets_of(), targets_of())
    # A probability of one half everywhere: focal loss 0.75 / 4 * log 2 on weights of 0.1.
    assert losses["rpn_location"].item() == pytest.approx(0.75 / 4 * math.log(2) * 0.1 * 200)
    assert losses["rpn_class"].item() == pytest.approx(math.log(2))
    assert losses["rpn_shape"].item() == losses["rpn_box"].item() == 0


def test_a_found_object_by_hand() -> None:
    """The square of a cell is the object: shape and box are right, only its class is not sure."""
    location, shapes, logits, deltas = zeros()
    selection = make_selection()
    cell = SIZES[0][0] * SIZES[0][1] + 3 * 10 + 5
    with torch.no_grad():
        logits.fill_(-30)
        logits[0, cell] = math.log(3)
    target = Targets(selection.anchors[cell : cell + 1], torch.tensor([0]))
    config = GuidedLossConfig(positive_iou=0.9, samples=2000)
    losses = losses_of((location, shapes, logits, deltas), target, config=config)
    assert losses["rpn_box"].item() == pytest.approx(0, abs=1e-6)
    assert losses["rpn_shape"].item() == pytest.approx(0, abs=1e-6)
    # Ignored anchors are not drawn.
    low = (selection.anchors.new_tensor(_overlaps(selection.anchors, target.boxes)) < 0.3).sum()
    assert losses["rpn_class"].item() == pytest.approx(math.log(4 / 3) / (int(low) + 1), rel=1e-4)


def _overlaps(anchors: Tensor, objects: Tensor) -> list[float]:
    (box,) = objects.tolist()
    rows = []
    for a in anchors.tolist():
        width = max(0.0, min(a[2], box[2]) - max(a[0], box[0]))
        height = max(0.0, min(a[3], box[3]) - max(a[1], box[1]))
        areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (a, box))
        rows.append(width * height / (areas - width * height))
    return rows


def test_bounded_iou_by_hand() -> None:
    box = boxes_of([[0, 0, 10, 10]])
    assert bounded_iou_loss(box, box, 0.2).item() == pytest.approx(0, abs=1e-6)
    # Moved by 2 of 10: 6 / 14 is left, and 1 - 6 / 14 lies above beta.
    moved = bounded_iou_loss(box, boxes_of([[2, 0, 12, 10]]), 0.2).item()
    assert moved == pytest.approx(1 - 6 / 14 - 0.1, rel=1e-3)
    # A tenth too wide about the same centre: below beta, half the square over beta.
    wide = bounded_iou_loss(boxes_of([[-0.5, 0, 10.5, 10]]), box, 0.2).item()
    assert wide == pytest.approx(0.5 * (1 - 10 / 11) ** 2 / 0.2, rel=1e-2)
    # Too narrow costs as much as too wide.
    narrow = bounded_iou_loss(box, boxes_of([[-0.5, 0, 10.5, 10]]), 0.2).item()
    assert narrow == pytest.approx(wide, rel=1e-2)
    apart = bounded_iou_loss(box, boxes_of([[100, 0, 110, 10]]), 0.2).item()
    assert apart == pytest.approx(1 - 0.1, rel=1e-3)  # it is bounded
    assert bounded_iou_loss(box[:0], box[:0], 0.2).item() == 0


def test_the_box_loss_does_not_teach_shapes() -> None:
    predictions = zeros()
    losses = losses_of(predictions, targets_of([20, 10, 52, 50]))
    given = torch.autograd.grad(
        losses["rpn_box"] + losses["rpn_class"], predictions, allow_unused=True
    )
    assert [g is not None for g in given] == [False, False, True, True]
    given = torch.autograd.grad(losses["rpn_shape"], predictions, allow_unused=True)
    assert [g is not None for g in given] == [False, True, False, False]


def test_shapes_learn_the_objects_sides() -> None:
    predictions, selection = zeros(), make_selection()
    cell = 6 * 20 + 9  # its centre is (36, 24), the object's
    wanted = targets_of([20, 10, 52, 38])
    optimizer = torch.optim.Adam([predictions[1]], lr=0.1)
    for _ in range(120):
        optimizer.zero_grad()
        losses_of(predictions, wanted)["rpn_shape"].backward()
        optimizer.step()
    anchor = reshape_squares(predictions[1][0, cell].detach(), selection.anchors[cell])
    assert selection.anchors[cell].tolist() == [28, 16, 44, 32]
    assert anchor.tolist() == pytest.approx([20, 10, 52, 38], abs=0.5)


def test_equal_generators_draw_equal_anchors() -> None:
    head, maps = make_head()
    given = tuple(p.detach() for p in head(*maps))
    config = GuidedLossConfig(samples=8)
    targets = targets_of([20, 10, 52, 50]), targets_of([1, 1, 20, 12])
    first, second = (losses_of(given, *targets, config=config) for _ in range(2))
    assert {name: loss.item() for name, loss in first.items()} == {
        name: loss.item() for name, loss in second.items()
    }


def test_another_selection_is_refused() -> None:
    with pytest.raises(TrainingError, match="must be a guided_proposals module, got Linear"):
        guided_rpn_losses(
            zeros(), torch.nn.Linear(1, 1), [targets_of()], CONFIG, torch.Generator()
        )


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"center_ratio": 0.6}, "center_ratio must be at most ignore_ratio, got 0.6 and 0.5"),
        ({"negative_iou": 0.8}, "negative_iou must be at most positive_iou, got 0.8 and 0.7"),
        ({"positive_fraction": 1.5}, r"positive_fraction must lie in 0\.\.1, got 1.5"),
        ({"least_iou": -0.1}, r"least_iou must lie in 0\.\.1"),
        ({"samples": 0}, "samples must be above 0, got 0"),
        ({"box_beta": 0.0}, "box_beta must be above 0"),
        ({"shape_beta": math.nan}, "shape_beta must be above 0, got nan"),
    ],
)
def test_numbers_outside_of_their_range_are_refused(changes: dict[str, float], match: str) -> None:
    with pytest.raises(TrainingError, match=match):
        GuidedLossConfig(**changes)  # type: ignore[arg-type]  # the test's business
