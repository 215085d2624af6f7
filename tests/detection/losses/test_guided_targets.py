"""Regions and assignments of guided anchoring, by hand and against loops."""

import itertools

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torchvision.ops import box_iou

from detection import build_module
from detection.losses.assign import IGNORED, NEGATIVE
from detection.losses.guided_config import GuidedLossConfig
from detection.losses.guided_targets import (
    assign,
    covered_cells,
    location_targets,
    shape_overlap,
    target_levels,
)
from detection.modules.guided import GuidedProposals
from searchspaces import ModuleSpec, TensorSpec

CONFIG = GuidedLossConfig()
SIZES, STRIDES = ((16, 20), (8, 10), (4, 5)), (4, 8, 16)
CELLS = sum(h * w for h, w in SIZES)


def make_selection() -> GuidedProposals:
    one = TensorSpec((1, CELLS))
    inputs = [one, TensorSpec((1, CELLS, 2)), one, TensorSpec((1, CELLS, 4))]
    module = build_module(
        ModuleSpec.of(
            "guided_proposals",
            inputs,
            image_h=64,
            image_w=80,
            strides=":".join(map(str, STRIDES)),
            heights=":".join(str(h) for h, _ in SIZES),
            widths=":".join(str(w) for _, w in SIZES),
            anchor_scales="4",
            ratios="1",
            loc_threshold=0.01,
            pre_nms=20,
            post_nms=30,
            nms_iou=0.7,
        )
    )
    assert isinstance(module, GuidedProposals)
    return module


def boxes_of(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("side", "level"), [(1, 0), (32, 0), (45, 0), (46, 1), (64, 1), (90, 1), (91, 2), (5000, 2)]
)
def test_an_object_belongs_to_the_level_of_the_nearest_square(side: float, level: int) -> None:
    assert target_levels(boxes_of([[7, 9, 7 + side, 9 + side]]), 32, 3).tolist() == [level]
    # Of the same area, whatever its shape.
    assert target_levels(boxes_of([[0, 0, 2 * side, side / 2]]), 32, 3).tolist() == [level]


def test_the_middle_of_a_box_by_hand() -> None:
    found = covered_cells(boxes_of([[0, 0, 10, 20]]), 0.2, 20, 12)
    rows, columns = found.any(1).nonzero().flatten(), found.any(0).nonzero().flatten()
    assert rows.tolist() == [8, 9, 10, 11, 12]
    assert columns.tolist() == [4, 5, 6]
    assert int(found.sum()) == 15


def test_a_box_smaller_than_a_cell_or_at_the_edge_has_a_cell() -> None:
    assert covered_cells(boxes_of([[3.3, 2.2, 3.4, 2.3]]), 0.2, 5, 5).nonzero().tolist() == [
        [2, 3]
    ]
    assert covered_cells(boxes_of([[4.8, 4.9, 5, 5]]), 0.2, 5, 5).nonzero().tolist() == [[4, 4]]
    assert not covered_cells(boxes_of([]), 0.2, 5, 5).any()


def by_loops(objects: Tensor, levels: list[int]) -> tuple[list[float], list[float]]:
    """Paint regions cell by cell: negative, then surroundings, then centres."""
    truth, weight = [], []
    for level, (stride, (height, width)) in enumerate(zip(STRIDES, SIZES, strict=True)):
        for y, x in itertools.product(range(height), range(width)):
            label, counts = 0.0, CONFIG.negative_weight
            for ratio in (CONFIG.ignore_ratio, CONFIG.center_ratio):
                for box, home in zip((objects / stride).tolist(), levels, strict=True):
                    margin = (1 - ratio) / 2
                    ends = [
                        (
                            round(low + margin * (high - low)),
                            round(high - margin * (high - low)),
                            size - 1,
                            place,
                        )
                        for low, high, size, place in (
                            (box[0], box[2], width, x),
                            (box[1], box[3], height, y),
                        )
                    ]
                    if not all(min(a, last) <= p <= min(b, last) for a, b, last, p in ends):
                        continue
                    if ratio == CONFIG.center_ratio and home == level:
                        label, counts = 1.0, 1.0
                    elif ratio == CONFIG.ignore_ratio and abs(home - level) <= 1:
                        counts = 0.0
            truth.append(label)
            weight.append(counts)
    return truth, weight


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 63)] * 2, *[st.integers(1, 64)] * 2), max_size=4))
def test_location_targets_equal_painting(rows: list[tuple[int, int, int, int]]) -> None:
    # Odd eighths keep all ends off the halves, where rounding is a matter of taste.
    objects = boxes_of([[x + 0.07, y + 0.03, x + w + 0.05, y + h + 0.09] for x, y, w, h in rows])
    selection = make_selection()
    truth, weight = location_targets(objects, selection, CONFIG)
    levels = target_levels(objects, 16, 3).tolist()
    wanted_truth, wanted_weight = by_loops(objects, levels)
    assert truth.tolist() == wanted_truth
    assert weight.tolist() == pytest.approx(wanted_weight)


def test_location_targets_of_one_object_by_hand() -> None:
    # 32 pixels wide at (24, 16). On the middle level, its own, columns 3 to 7 and rows 2 to 6.
    truth, weight = location_targets(boxes_of([[24, 16, 56, 48]]), make_selection(), CONFIG)
    cells = [height * width for height, width in SIZES]
    fine, middle, coarse = (w.reshape(s) for w, s in zip(weight.split(cells), SIZES, strict=True))
    assert truth.nonzero().flatten().tolist() == [cells[0] + 4 * 10 + 5]
    for level, (first, last), count in (
        (middle, ([3, 4], [5, 6]), 8),  # three by three without the centre
        (fine, ([6, 8], [10, 12]), 25),  # twice as fine
        (coarse, ([2, 2], [2, 3]), 2),
    ):
        ignored = (level == 0).nonzero()
        assert [ignored.amin(0).tolist(), ignored.amax(0).tolist()] == [first, last]
        assert len(ignored) == count
    assert sorted(set(weight.tolist())) == pytest.approx([0, 0.1, 1])


def test_a_centre_wins_over_another_objects_surroundings() -> None:
    near = boxes_of([[24, 16, 56, 48], [32, 16, 64, 48]])
    truth, weight = location_targets(near, make_selection(), CONFIG)
    assert int(truth.sum()) == 2
    assert weight[truth > 0].tolist() == [1, 1]


def test_shapes_are_judged_by_the_best_of_nine() -> None:
    square = boxes_of([[0, 0, 32, 32]])
    centre, side = 16.0, 32.0
    for octave, ratio in itertools.product((1, 2 ** (1 / 3), 2 ** (2 / 3)), (0.5, 1, 2)):
        width, height = side * octave * ratio**-0.5, side * octave * ratio**0.5
        half_w, half_h = width / 2, height / 2
        box = [centre - half_w, centre - half_h, centre + half_w, centre + half_h]
        assert height / width == pytest.approx(ratio)
        assert float(shape_overlap(boxes_of([box]), square)) == pytest.approx(1)
    # Larger than all nine: the largest lies inside.
    (overlap,) = shape_overlap(boxes_of([[-48, -48, 80, 80]]), square).flatten().tolist()
    assert overlap == pytest.approx((side * 2 ** (2 / 3)) ** 2 / 128**2)
    assert shape_overlap(boxes_of([]), square).shape == (0, 1)


def test_assignment_by_hand() -> None:
    overlap = torch.tensor(
        [
            [0.75, 0.40, 0.10, 0.10, 0.00, 0.70],
            [0.60, 0.10, 0.10, 0.35, 0.35, 0.90],
            [0.20, 0.10, 0.29, 0.00, 0.00, 0.00],
            [0.00, 0.45, 0.00, 0.00, 0.00, 0.00],
        ]
    )
    # The first and last anchors are close; the second is object 3's closest; the third is object
    # 2's closest but too far away; the fourth and fifth are neither close nor far.
    wanted = [0, 3, NEGATIVE, IGNORED, IGNORED, 1]
    assert assign(overlap, CONFIG).tolist() == wanted


def test_all_of_an_objects_closest_anchors_are_positive() -> None:
    overlap = torch.tensor([[0.5, 0.5, 0.4], [0.0, 0.5, 0.1]])
    assert assign(overlap, CONFIG).tolist() == [0, 1, IGNORED]


def test_without_objects_every_anchor_is_negative() -> None:
    assert assign(torch.zeros(0, 3), CONFIG).tolist() == [NEGATIVE] * 3


def test_an_anchor_that_meets_nothing_is_negative() -> None:
    anchors, objects = boxes_of([[0, 0, 8, 8]] * 2), boxes_of([[50, 50, 60, 60]])
    assert assign(box_iou(objects, anchors), CONFIG).tolist() == [NEGATIVE] * 2
