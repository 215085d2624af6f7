import numpy as np
import pytest

from engines import EngineInputError, TensorInfo
from engines.tensors import check_arrays

IMAGE = TensorInfo("image", (1, 3, None), "float32")
SCALE = TensorInfo("scale", (), "int64")
GOOD = {"scale": np.array(3), "image": np.zeros((1, 3, 7), np.float32)}


def test_order_and_contiguity() -> None:
    turned = np.zeros((7, 3, 1), np.float32).T
    checked = check_arrays((IMAGE, SCALE), {**GOOD, "image": turned})
    assert list(checked) == ["image", "scale"]
    assert checked["image"].flags.c_contiguous
    assert checked["scale"].shape == ()


def test_describes_arrays() -> None:
    scale, image = TensorInfo.of(GOOD)
    assert (str(scale), str(image)) == ("int64 scalar", "float32 1x3x7")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image": GOOD["image"][:, 1:]},
            "input 'image' must be float32 1x3x\\?, got float32 1x2x7",
        ),
        ({"image": GOOD["image"][0]}, "input 'image' must be float32 1x3x\\?, got float32 3x7"),
        ({"image": np.zeros((1, 3, 7))}, "input 'image' must be .*, got float64 1x3x7"),
        ({"image": [1.0]}, "input 'image' must be a NumPy array .*, got list"),
        ({"picture": GOOD["image"]}, "no input 'picture'; it takes 'image' .*, 'scale' "),
    ],
)
def test_misfits(change: dict[str, object], message: str) -> None:
    with pytest.raises(EngineInputError, match=message):
        check_arrays((IMAGE, SCALE), {**GOOD, **change})


def test_missing() -> None:
    with pytest.raises(
        EngineInputError, match="input 'scale' is missing; the model takes 'image'"
    ):
        check_arrays((IMAGE, SCALE), {"image": GOOD["image"]})
