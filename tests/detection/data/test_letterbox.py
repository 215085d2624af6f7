import numpy as np
from hypothesis import given, strategies as st

from detection.data.letterbox import Letterbox

sides = st.integers(1, 3000)


@given(original=st.tuples(sides, sides), target=st.tuples(sides, sides))
def test_fit_stays_inside_touches_one_side_and_keeps_the_aspect(
    original: tuple[int, int], target: tuple[int, int]
) -> None:
    box = Letterbox.fit(original, target)
    assert 1 <= box.resized_hw[0] <= target[0]
    assert 1 <= box.resized_hw[1] <= target[1]
    assert box.resized_hw[0] == target[0] or box.resized_hw[1] == target[1]
    scale = min(target[0] / original[0], target[1] / original[1])
    for resized, side in zip(box.resized_hw, original, strict=True):
        assert resized == 1 or abs(resized - side * scale) <= 0.5 + 1e-6


@given(
    original=st.tuples(sides, sides),
    target=st.tuples(sides, sides),
    corners=st.lists(st.tuples(*[st.floats(0, 1)] * 4), max_size=5),
)
def test_round_trip_returns_every_box_inside_the_image(
    original: tuple[int, int],
    target: tuple[int, int],
    corners: list[tuple[float, float, float, float]],
) -> None:
    height, width = original
    boxes = np.array(corners, np.float64).reshape(-1, 4) * [width, height, width, height]
    box = Letterbox.fit(original, target)
    np.testing.assert_allclose(box.to_original(box.to_input(boxes)), boxes, rtol=0, atol=1e-8)


def test_padding_maps_to_the_border_of_the_image() -> None:
    box = Letterbox.fit((50, 100), (64, 64))
    assert box.resized_hw == (32, 64)
    assert box.to_original(np.array([[-5.0, 10, 64, 64]])).tolist() == [[0, 15.625, 100, 50]]


def test_empty_and_float32_boxes() -> None:
    box = Letterbox.fit((50, 100), (64, 64))
    assert box.to_original(np.zeros((0, 4), np.float32)).shape == (0, 4)
    assert box.to_input(np.zeros(0)).shape == (0, 4)
    assert box.to_input(np.ones((1, 4), np.float32)).dtype == np.float64
