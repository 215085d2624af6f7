import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from torchvision import ops

from detection.metric.overlap import box_iou


@st.composite
def box_lists(draw: st.DrawFn) -> NDArray[np.float64]:
    """Boxes on a coarse grid, so that overlaps, duplicates and empty boxes are common."""
    corner = st.integers(0, 4)
    rows = draw(st.lists(st.tuples(corner, corner, corner, corner), max_size=5))
    boxes = [[min(x, u), min(y, v), max(x, u), max(y, v)] for x, y, u, v in rows]
    return np.array(boxes, np.float64).reshape(-1, 4)


@given(a=box_lists(), b=box_lists())
def test_iou_is_that_of_torchvision_where_there_is_area(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> None:
    mine = box_iou(a, b)
    assert mine.shape == (len(a), len(b))
    area_a, area_b = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b))
    solid = (area_a[:, None] > 0) | (area_b[None] > 0)
    theirs = ops.box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(mine[solid], theirs[solid], atol=1e-12)


def test_boxes_without_area_are_the_same_up_to_rounding() -> None:
    """As a detection in the letterbox' padding is clipped to the image's border."""
    flat = np.array([[451.60242, 427.0, 603.42921, 427.0]])
    other = flat + np.array([[1e-4, 0, -1e-4, 0]])
    elsewhere = flat - np.array([[0, 20.0, 0, 20.0]])
    assert box_iou(flat, other)[0, 0] == pytest.approx(1, abs=1e-5)
    assert box_iou(flat, elsewhere)[0, 0] == 0
    assert box_iou(flat, np.array([[0.0, 0, 640, 427]]))[0, 0] == 0
