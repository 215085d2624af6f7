from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engines import (
    EngineBuildError,
    EngineInputError,
    EngineRunError,
    OnnxModel,
    OnnxRuntimeBackend,
    TimingProtocol,
    TorchBackend,
)
from engines.conformance import small_model


def _model(op: str, shape: tuple[int, ...], kind: int, **attributes: object) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_agrees_with_torch_to_rounding() -> None:
    model = small_model()
    inputs = model.example_inputs()
    with OnnxRuntimeBackend().build(model) as ours, TorchBackend().build(model) as torch_engine:
        given, wanted = ours.run(inputs), torch_engine.run(inputs)
    assert given.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_allclose(given[name], wanted[name], rtol=1e-4, atol=1e-5)


def test_saves_the_very_bytes_of_the_model(tmp_path: Path) -> None:
    model = small_model()
    path = OnnxRuntimeBackend().build(model).save(tmp_path / "model.onnx")
    assert path.read_bytes() == model.onnx_bytes()
    again = OnnxRuntimeBackend().build(OnnxModel(path, model.example_inputs()))
    outputs = again.run(model.example_inputs())
    assert set(outputs) == {"features", "total"}


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(threads: int) -> None:
    with OnnxRuntimeBackend().build(small_model(), threads=threads) as engine:
        assert engine._session.get_session_options().intra_op_num_threads == threads
        protocol = TimingProtocol(
            threads=threads, warmup_min_ms=0, warmup_max_ms=5, max_seconds=0.05
        )
        assert engine.measure(protocol).protocol.threads == threads


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(TensorProto.INT64, np.int64), (TensorProto.FLOAT16, np.float16), (TensorProto.BOOL, bool)],
)
def test_other_element_types(kind: int, dtype: type) -> None:
    content = _model("Identity", (2, 2), kind).SerializeToString()
    with OnnxRuntimeBackend().build(OnnxModel(content)) as engine:
        array = np.array([[1, 0], [0, 1]], dtype)
        np.testing.assert_array_equal(engine.run({"x": array})["y"], array)
        assert engine.timer({"x": array})(3) > 0


def test_output_of_data_dependent_size_can_be_timed() -> None:
    graph = helper.make_graph(
        [helper.make_node("NonZero", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (4,))],
        [helper.make_tensor_value_info("y", TensorProto.INT64, (1, "n"))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    array = np.array([0, 1, 2, 0], np.float32)
    with OnnxRuntimeBackend().build(OnnxModel(model.SerializeToString(), {"x": array})) as engine:
        np.testing.assert_array_equal(engine.run({"x": array})["y"], [[1, 2]])
        assert engine.timer()(2) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "bf16"}, "builds fp32, fp16, int8, not precision 'bf16'"),
        ({"device": "cuda:0"}, "runs on cpu, not on 'cuda:0'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"threads": True}, "threads must be an int >= 1, got True"),
    ],
)
def test_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        OnnxRuntimeBackend().build(small_model(), **options)


def test_refuses_a_model_that_it_cannot_run() -> None:
    content = _model("NoSuchOperator", (2,), TensorProto.FLOAT).SerializeToString()
    with pytest.raises(EngineBuildError, match=r"refuses model 'bad': .*NoSuchOperator"):
        OnnxRuntimeBackend().build(OnnxModel(content, name="bad"))


def test_example_inputs_have_to_fit_the_graph() -> None:
    class Wrong(OnnxModel):
        def example_inputs(self) -> dict[str, np.ndarray]:
            return {"x": np.ones((3,), np.float32)}

    content = _model("Relu", (2,), TensorProto.FLOAT).SerializeToString()
    with pytest.raises(EngineInputError, match="input 'x' must be float32 2, got float32 3"):
        OnnxRuntimeBackend().build(Wrong(content))


def test_a_failing_run_is_an_engine_error() -> None:
    graph = helper.make_graph(
        [helper.make_node("Gather", ["w", "i"], ["y"])],
        "g",
        [helper.make_tensor_value_info("i", TensorProto.INT64, (1,))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))],
        [onnx.numpy_helper.from_array(np.ones(2, np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    engine = OnnxRuntimeBackend().build(OnnxModel(model.SerializeToString()))
    with pytest.raises(EngineRunError, match="onnxruntime failed to run the model"):
        engine.run({"i": np.array([7])})
    with pytest.raises(EngineRunError, match="onnxruntime failed to run the model"):
        engine.timer({"i": np.array([7])})
