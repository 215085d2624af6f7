from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from engines import CALIBRATION_METHODS, EngineBuildError, calibrate, prepared_model

Run = Callable[..., list[Any]]


def inner(content: bytes) -> str:
    """Return the tensor between the first convolution and the second."""
    graph = onnx.load_from_string(content).graph
    return [node for node in graph.node if node.op_type == "Conv"][1].input[0]


def test_minmax_are_the_extremes_over_all_batches(
    content: bytes, image: np.ndarray, run: Run
) -> None:
    content = prepared_model(content)
    batches = [{"image": image * factor} for factor in (1.0, -2.0, 0.5)]
    found = calibrate(content, batches, "minmax")
    ends = [np.concatenate([image, -2 * image, image / 2]).min(), (-2 * image).max()]
    assert found["image"] == pytest.approx((ends[0], max(image.max(), ends[1])))
    name = inner(content)
    model = onnx.load_from_string(content)
    kind = onnx.TensorProto.FLOAT
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    reach = max(run(model.SerializeToString(), b)[-1].max() for b in batches)
    assert found[name] == pytest.approx((0, reach))  # behind a relu


@pytest.mark.parametrize("method", CALIBRATION_METHODS)
def test_no_method_reaches_further_than_the_data(
    content: bytes, image: np.ndarray, method: str
) -> None:
    content = prepared_model(content)
    batches = [{"image": image}, {"image": image * 0.3}]
    found, most = (calibrate(content, batches, m) for m in (method, "minmax"))
    assert found.keys() == most.keys()
    for name, (low, high) in found.items():
        slack = max(map(abs, most[name])) / 128  # a bin
        assert most[name][0] - slack <= low < high <= most[name][1] + slack


def test_percentile_leaves_an_outlier_out(content: bytes, image: np.ndarray) -> None:
    spiked = np.tile(image, (1, 1, 1, 1)).copy()
    spiked[0, 0, 0, 0] = 1e4
    content = prepared_model(content)
    batches = [{"image": image}] * 130 + [{"image": spiked}]
    assert calibrate(content, batches, "minmax")["image"][1] == 1e4
    assert calibrate(content, batches, "percentile")["image"][1] < 100


def test_batches_are_taken_one_by_one(content: bytes, image: np.ndarray) -> None:
    taken = []

    def batches() -> Any:
        for number in range(3):
            taken.append(number)
            yield {"image": image}

    calibrate(prepared_model(content), batches())
    assert taken == [0, 1, 2]


def test_it_says_nothing_on_the_console(
    content: bytes, image: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    for method in CALIBRATION_METHODS:
        calibrate(prepared_model(content), [{"image": image}], method)
    assert capfd.readouterr().out == ""


def test_it_needs_batches_that_fit(content: bytes, image: np.ndarray) -> None:
    content = prepared_model(content)
    with pytest.raises(EngineBuildError, match="at least one batch"):
        calibrate(content, [])
    with pytest.raises(EngineBuildError, match="cannot be quantised"):
        calibrate(content, [{"picture": image}])
    with pytest.raises(EngineBuildError, match="unknown calibration method 'mean'; known are min"):
        calibrate(content, [{"image": image}], "mean")


def test_what_goes_wrong_with_an_image_is_not_renamed(content: bytes) -> None:
    def batches() -> Any:
        raise OSError("no such image")
        yield {}

    with pytest.raises(OSError, match="no such image"):
        calibrate(prepared_model(content), batches())
