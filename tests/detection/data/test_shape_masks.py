import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from detection.data.shape_masks import SHAPES, mask_box, shape_mask, uncompressed_rle

PYCOCOTOOLS_ON_NEW_NUMPY = "ignore:__array__ implementation:DeprecationWarning"

# Areas of the shapes of radius 1, by elementary geometry.
AREAS = {
    "circle": math.pi,
    "square": 2.0,
    "triangle": 3 * math.sqrt(3) / 4,
    "star": 10 * 0.5 * 0.45 * math.sin(math.pi / 5),
    "ring": math.pi * (1 - 0.55**2),
    "cross": 8 * 0.35 * math.sqrt(1 - 0.35**2) - (2 * 0.35) ** 2,
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("angle_rad", [0.0, 0.7])
def test_area_is_that_of_geometry(name: str, angle_rad: float) -> None:
    mask = shape_mask(name, (400, 420), (210.3, 199.1), 380, angle_rad)
    assert mask.sum() == pytest.approx(AREAS[name] * 190**2, rel=0.01)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_touch_their_circle_and_stay_inside(name: str) -> None:
    mask = shape_mask(name, (200, 200), (100, 100), 100)
    y, x = np.nonzero(mask)
    radius = np.hypot(x + 0.5 - 100, y + 0.5 - 100).max()
    assert 47.5 < radius <= 50 + 1e-9


def test_triangle_and_star_point_up() -> None:
    for name in ("triangle", "star"):
        widths = shape_mask(name, (100, 100), (50, 50), 90).sum(axis=1)
        filled = np.flatnonzero(widths)
        assert widths[filled[0]] < 6
        assert abs(np.nonzero(shape_mask(name, (100, 100), (50, 50), 90))[1].mean() - 49.5) < 0.5


@pytest.mark.filterwarnings(PYCOCOTOOLS_ON_NEW_NUMPY)
@given(mask=arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_run_lengths_decode_to_the_mask(mask: np.ndarray) -> None:
    rle = uncompressed_rle(mask)
    height, width = mask.shape
    decoded = coco_mask.decode(coco_mask.frPyObjects(rle, height, width))
    np.testing.assert_array_equal(decoded.astype(bool), mask)
    if mask.any():
        x, y, box_width, box_height = mask_box(mask)
        inside = mask[y : y + box_height, x : x + box_width]
        assert inside.sum() == mask.sum()
        assert inside[0].any()
        assert inside[-1].any()
        assert inside[:, 0].any()
        assert inside[:, -1].any()
