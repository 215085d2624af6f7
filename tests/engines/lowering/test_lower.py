import subprocess
import sys
from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch

from engines import EngineBuildError, OnnxModel, TorchModel, lower, to_half, written_in


def test_fp32_is_byte_for_byte_what_it_was(content: bytes) -> None:
    assert lower(OnnxModel(content), "fp32").content == content


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_model_that_is_written_in_it_is_left_as_it_is(content: bytes, precision: str) -> None:
    written = lower(OnnxModel(content), precision).content
    model = OnnxModel(written)
    assert model.written_in == written_in(model) == precision
    assert lower(model, precision).content == written
    with pytest.raises(EngineBuildError, match=f"is written in {precision} and cannot become"):
        lower(model, "int8" if precision == "fp16" else "fp16")
    with pytest.raises(EngineBuildError, match=f"build precision {precision}, or give the model"):
        lower(model, "fp32")


def test_what_is_said_counts_more_than_what_is_noted(content: bytes) -> None:
    assert OnnxModel(to_half(content)).written_in == "fp16"
    assert OnnxModel(to_half(content), written_in="fp32").written_in == "fp32"
    assert OnnxModel(content).written_in == "fp32"


def test_a_module_is_written_in_full(net: torch.nn.Module, image: np.ndarray) -> None:
    model = TorchModel(net, {"image": image}, ("features", "boxes"))
    assert written_in(model) == "fp32"
    kinds = [n.op_type for n in onnx.load_from_string(lower(model, "int8").content).graph.node]
    assert kinds.count("QuantizeLinear") == 3


def test_calibration_decides_the_ranges(content: bytes, image: np.ndarray) -> None:
    model = OnnxModel(content, {"image": image})
    wide = lower(model, "int8", [{"image": image * 10}]).content
    weights = {
        side: {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        for side, graph in (
            ("own", onnx.load_from_string(lower(model, "int8").content).graph),
            ("wide", onnx.load_from_string(wide).graph),
        )
    }
    own, far = (float(weights[side]["image/scale"]) for side in ("own", "wide"))
    assert far == pytest.approx(10 * own)


def test_a_weight_beyond_half_stays_and_is_told(
    net: torch.nn.Module, write: Callable[[torch.nn.Module], bytes]
) -> None:
    net.first.weight.data[0, 0, 0, 0] = 1e6
    lowered = lower(OnnxModel(write(net)), "fp16")
    assert len(lowered.warnings) == 1
    assert "first/Conv' stays in fp32: its weights reach 1e+06" in lowered.warnings[0]


def test_a_model_without_products_stays_as_it_is() -> None:
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["a"], ["b"], name="r")],
        "g",
        [value("a", onnx.TensorProto.FLOAT, [2])],
        [value("b", onnx.TensorProto.FLOAT, [2])],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    made = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    for precision in ("fp16", "int8"):
        content = lower(OnnxModel(made.SerializeToString()), precision).content
        assert [n.op_type for n in onnx.load_from_string(content).graph.node] == ["Relu"]


def test_a_written_model_needs_no_onnx(tmp_path, content: bytes) -> None:
    """What a device without the package does with a bundle's model."""
    path = tmp_path / "model.onnx"
    path.write_bytes(to_half(content))
    script = (
        "import sys; sys.modules['onnx'] = None\n"
        "from pathlib import Path\n"
        "from engines.lowering import lower\n"
        "class File:\n"
        "    name, written_in = 'file', 'fp16'\n"
        f"    def onnx_bytes(self): return Path({str(path)!r}).read_bytes()\n"
        "assert len(lower(File(), 'fp16').content) > 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
