import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engines import (
    Backend,
    BackendConformance,
    EngineBuildError,
    EngineInputError,
    EngineUnavailableError,
    OnnxModel,
    OnnxRuntimeBackend,
    OpenVinoBackend,
    OpenVinoOptions,
    TimingProtocol,
    TorchModel,
    attribute,
    get_backend,
)
from engines.conformance import small_model

needed = pytest.mark.skipif(
    OpenVinoBackend().unavailable_reason() is not None,
    reason=str(OpenVinoBackend().unavailable_reason()),
)


class TestOpenVino(BackendConformance):
    saved_as = "engine.xml"
    saved_beside = (".bin",)

    @pytest.fixture
    def backend(self) -> Backend:
        return OpenVinoBackend()


def _onnx(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, tuple[int | str, ...]]],
    outputs: dict[str, int],
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def test_absent_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = "'openvino' is not installed; run: pip install 'detfit\\[openvino\\]'"
    with pytest.raises(EngineUnavailableError, match=message):
        get_backend("openvino")
    with pytest.raises(EngineUnavailableError, match=message):
        OpenVinoBackend().build(small_model())


@needed
def test_agrees_with_onnxruntime_to_rounding() -> None:
    model = small_model()
    inputs = model.example_inputs()
    with OpenVinoBackend().build(model) as ours, OnnxRuntimeBackend().build(model) as other:
        given, wanted = ours.run(inputs), other.run(inputs)
    assert list(given) == list(wanted)
    for name in wanted:
        assert given[name].dtype == wanted[name].dtype
        np.testing.assert_allclose(given[name], wanted[name], rtol=1e-5, atol=1e-5)


@needed
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("INFERENCE_PRECISION_HINT", "float32"),
        ("NUM_STREAMS", "1"),
        ("INFERENCE_NUM_THREADS", "1"),
        ("PERFORMANCE_HINT", "LATENCY"),
        ("ENABLE_CPU_PINNING", "False"),
    ],
)
def test_settings(setting: str, value: str) -> None:
    with OpenVinoBackend().build(small_model()) as engine:
        assert value in str(engine._compiled.get_property(setting))


@needed
def test_several_threads() -> None:
    protocol = TimingProtocol(threads=2, warmup_min_ms=0, warmup_max_ms=5, max_seconds=0.05)
    with OpenVinoBackend().build(small_model(), threads=2) as engine:
        assert engine.measure(protocol).protocol.threads == 2


@needed
def test_a_timer_keeps_its_inputs_while_the_engine_runs_others() -> None:
    # Time depends on the data here: an empty loop, or one of a hundred thousand additions.
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["state", "state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, ()),
            helper.make_tensor_value_info("go", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, (1,)),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, (1,)),
        ],
    )
    nodes = [
        helper.make_node(
            "Constant", [], ["yes"], value=onnx.numpy_helper.from_array(np.array(True))
        ),
        helper.make_node("Loop", ["n", "yes", "x"], ["y"], body=body),
    ]
    inputs = {"n": (TensorProto.INT64, ()), "x": (TensorProto.FLOAT, (1,))}
    x = np.zeros(1, np.float32)
    many, none = ({"n": np.array(count), "x": x} for count in (3000, 0))
    model = OnnxModel(_onnx(nodes, inputs, {"y": TensorProto.FLOAT}), none)
    with OpenVinoBackend().build(model) as engine:
        slow, quick = engine.timer(many), engine.timer(none)
        engine.run(none)
        assert min(slow(1) for _ in range(3)) > 3 * min(quick(1) for _ in range(3))


@needed
def test_saves_what_openvino_reads(tmp_path: Path) -> None:
    import openvino

    model = small_model()
    inputs = model.example_inputs()
    with OpenVinoBackend().build(model) as engine:
        path = engine.save(tmp_path / "net.xml")
        wanted = engine.run(inputs)
    assert {file.name for file in tmp_path.iterdir()} == {"net.xml", "net.bin"}
    weights = sum(p.numel() for p in model.torch_module().parameters())
    assert (tmp_path / "net.bin").stat().st_size >= 4 * weights  # not compressed to fp16
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    again = openvino.Core().compile_model(path, "CPU", settings)(inputs)
    for name, array in wanted.items():
        np.testing.assert_allclose(again[name], array, rtol=1e-6, atol=1e-6)


@needed
@pytest.mark.parametrize("name", ["net.bin", "net"])
def test_refuses_to_save_under_another_suffix(tmp_path: Path, name: str) -> None:
    engine = OpenVinoBackend().build(small_model())
    with pytest.raises(EngineBuildError, match=r"name\.xml and name\.bin; give .*net\.xml"):
        engine.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@needed
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (TensorProto.FLOAT, "float32"),
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.DOUBLE, "float64"),
        (TensorProto.INT64, "int64"),
        (TensorProto.INT32, "int32"),
        (TensorProto.UINT8, "uint8"),
        (TensorProto.BOOL, "bool"),
    ],
)
def test_tensor_types(kind: int, dtype: str) -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    shape = helper.make_node(
        "Constant", [], ["shape"], value=onnx.numpy_helper.from_array(np.array([3, 2]))
    )
    content = _onnx([shape, *nodes], {"x": (kind, (2, 3))}, {"y": kind})
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    with OpenVinoBackend().build(OnnxModel(content)) as engine:
        given = engine.run({"x": array})["y"]
    assert given.dtype == array.dtype
    np.testing.assert_array_equal(given, array.reshape(3, 2))


@needed
def test_inputs_that_nothing_uses_and_inputs_of_any_length() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    kinds = {"unused": (TensorProto.INT64, (1,)), "x": (TensorProto.FLOAT, ("n",))}
    content = _onnx(nodes, kinds, {"y": TensorProto.FLOAT})
    inputs = {"unused": np.array([1]), "x": np.array([-1.0, 2.0], np.float32)}
    with OpenVinoBackend().build(OnnxModel(content, inputs)) as engine:
        assert engine.input_names == ("unused", "x")
        np.testing.assert_array_equal(engine.run(inputs)["y"], [0, 2])
        longer = {**inputs, "x": np.ones(5, np.float32)}
        assert engine.run(longer)["y"].shape == (5,)
        assert engine.timer(longer)(2) > 0
        with pytest.raises(EngineInputError, match="input 'unused' is missing"):
            engine.run({"x": inputs["x"]})


@needed
def test_refuses_a_model_that_it_cannot_run() -> None:
    nodes = [helper.make_node("NoSuchOperator", ["x"], ["y"])]
    content = _onnx(nodes, {"x": (TensorProto.FLOAT, (2,))}, {"y": TensorProto.FLOAT})
    with pytest.raises(
        EngineBuildError, match=r"(?s)openvino refuses model 'bad': .*NoSuchOperator"
    ):
        OpenVinoBackend().build(OnnxModel(content, name="bad"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "bf16"}, "builds fp32, fp16, int8, not precision 'bf16'"),
        ({"device": "cuda:0"}, "runs on cpu, not on 'cuda:0'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"threads": 0}, "threads must be an int >= 1, got 0"),
    ],
)
def test_refuses(options: dict[str, object], message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        OpenVinoBackend().build(small_model(), **options)


@needed
def test_pinned_threads_are_another_device() -> None:
    backend = OpenVinoBackend(OpenVinoOptions(pin_threads=True))
    with backend.build(small_model()) as pinned, OpenVinoBackend().build(small_model()) as free:
        assert pinned._compiled.get_property("ENABLE_CPU_PINNING") is True
        assert pinned.device.differences(free.device) == (
            ("options", "pin_threads=true", "default"),
        )
        assert backend.probe() == pinned.device
    with pytest.raises(EngineBuildError, match="pin_threads must be True or False, got 'no'"):
        OpenVinoOptions(pin_threads="no")


@needed
def test_layers_come_back_to_modules() -> None:
    # Large enough that no layer is below the microsecond that counters count.
    inputs = {**small_model().example_inputs(), "image": np.ones((1, 3, 96, 96), np.float32)}
    model = TorchModel(small_model().torch_module(), inputs, ("features", "total"))
    with OpenVinoBackend().build(model) as engine:
        layers = engine.layer_times(runs=3)
        other = {name: array + 1 for name, array in inputs.items()}
        assert engine.layer_times(other, runs=1)
        with pytest.raises(EngineInputError, match="input 'bias' is missing"):
            engine.layer_times({"image": other["image"]})
    assert all(layer.ms >= 0 for layer in layers)
    convolution = next(layer for layer in layers if layer.name.startswith("/conv/"))
    assert convolution.nodes == ("/conv/Conv",)  # whatever OpenVINO calls it
    nodes = {node for layer in layers for node in layer.nodes}
    names = {node.name for node in onnx.load_from_string(model.onnx_bytes()).graph.node}
    assert "/conv/Conv" in nodes <= names
    assert {"/Relu", "/Add"} <= nodes  # fused, and named as the model's output
    times = attribute(layers, ["conv"])
    assert set(times.modules) == {"conv"}
    assert times.total_ms == pytest.approx(sum(layer.ms for layer in layers))
