import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from detection.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from detection.errors import DatasetError, PreprocessError

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (17, 9), (64, 64), (1200, 500)])
def test_any_mode_and_size_becomes_the_input(mode: str, size: tuple[int, int]) -> None:
    array, box = Preprocess((48, 64)).apply(Image.new(mode, size))
    assert array.shape == (3, 48, 64)
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert box.original_hw == (size[1], size[0])
    assert not array[:, box.resized_hw[0] :].any()
    assert not array[:, :, box.resized_hw[1] :].any()


def test_very_large_image() -> None:
    _, box = Preprocess((64, 64)).apply(Image.new("L", (8000, 6000)))
    assert box.resized_hw == (48, 64)


def test_values_are_normalised_by_the_formula() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    array, _ = Preprocess((8, 8)).apply(Image.fromarray(pixels))
    expected = (pixels / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(array, expected.transpose(2, 0, 1), atol=1e-5)


def test_bgr_turns_the_channels_and_mean_is_in_their_order() -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    options: dict[str, Any] = {"mean": (0.0, 0.0, 0.5), "std": (1.0, 1.0, 1.0)}
    array, _ = Preprocess((4, 4), channel_order="BGR", **options).apply(red)
    assert array[:, 0, 0].tolist() == pytest.approx([0, 0, 0.5])
    array, _ = Preprocess((4, 4), channel_order="RGB", **options).apply(red)
    assert array[:, 0, 0].tolist() == pytest.approx([1, 0, -0.5])


def test_pad_value_is_that_after_normalisation() -> None:
    array, _ = Preprocess((4, 8), pad_value=-3.0).apply(Image.new("RGB", (4, 4)))
    assert (array[:, :, 4:] == -3).all()
    assert (array[:, :, :4] != -3).all()


def test_a_box_drawn_in_the_original_is_found_where_to_input_says() -> None:
    pixels = np.zeros((90, 150, 3), np.uint8)
    pixels[30:60, 50:100] = 255
    plain = Preprocess((45, 50), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    array, box = plain.apply(Image.fromarray(pixels))
    rows, columns = np.nonzero(array[0] > 0.5)
    x1, y1, x2, y2 = box.to_input(np.array([[50.0, 30, 100, 60]]))[0]
    found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    np.testing.assert_allclose(found, (x1, y1, x2, y2), atol=0.51)


def test_place_refuses_what_does_not_fit() -> None:
    preprocess = Preprocess((8, 8))
    with pytest.raises(PreprocessError, match="resize first"):
        preprocess.place(np.zeros((9, 8, 3), np.uint8))
    with pytest.raises(PreprocessError, match="uint8"):
        preprocess.place(np.zeros((8, 8, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(PreprocessError, match="uint8"):
        preprocess.place(np.zeros((8, 8), np.uint8))


def test_float_images_raise_dataset_error() -> None:
    with pytest.raises(DatasetError, match="floating-point"):
        Preprocess((8, 8)).apply(Image.new("F", (4, 4)))


@given(
    input_hw=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    mean=st.tuples(*[st.floats(-5, 5)] * 3),
    std=st.tuples(*[st.floats(0.01, 5)] * 3),
    order=st.sampled_from(["RGB", "BGR"]),
    pad=st.floats(-10, 10),
)
def test_json_round_trip(
    input_hw: tuple[int, int], mean: Any, std: Any, order: str, pad: float
) -> None:
    preprocess = Preprocess(input_hw, mean, std, channel_order=order, pad_value=pad)
    assert Preprocess.from_json(json.loads(json.dumps(preprocess.to_json()))) == preprocess


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2 is unknown"),
        ({"schema": "other"}, "schema 'other'"),
        ({"input_hw": [0, 4]}, "two positive integers"),
        ({"input_hw": [4.0, 4]}, "two positive integers"),
        ({"mean": [0, 0]}, "mean must be 3 finite numbers"),
        ({"mean": [0, 0, float("nan")]}, "mean must be 3 finite numbers"),
        ({"mean": [0, 0, 10**400]}, "mean must be 3 finite numbers"),
        ({"std": [1, 1, 0]}, "std must be positive"),
        ({"resize": "stretch"}, "resize must be one of letterbox"),
        ({"channel_order": ["RGB"]}, "channel_order must be one of RGB, BGR"),
        ({"pad_value": None}, "pad_value must be 1 finite"),
        ({"colour": 1}, "missing or unknown fields: colour"),
    ],
)
def test_from_json_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PreprocessError, match=message):
        Preprocess.from_json({**Preprocess((8, 8)).to_json(), **change})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = sorted(Preprocess((8, 8)).to_json())


@given(field=st.sampled_from(FIELDS), value=json_values)
def test_from_json_raises_nothing_but_preprocess_error(field: str, value: Any) -> None:
    try:
        Preprocess.from_json({**Preprocess((8, 8)).to_json(), field: value})
    except PreprocessError as error:
        assert str(error)  # noqa: PT017


def test_preprocessing_loads_no_torch() -> None:
    code = (
        "import sys; from detection.data import annotations, layout, preprocess, shapes; "
        "from detection.metric import coco_ap, inference, matching; "
        "sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
