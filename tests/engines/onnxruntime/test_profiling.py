import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engines import (
    EngineBuildError,
    EngineInputError,
    EngineRunError,
    LayerProfiler,
    LayerTime,
    OnnxModel,
    OnnxRuntimeBackend,
    TorchModel,
    attribute,
)
from engines.conformance import small_model
from engines.onnxruntime.profiling import layer_times, node_times


def residual() -> bytes:
    """Two modules of convolutions; the second one's addition is fused into the first one's."""
    rng = np.random.default_rng(0)
    weights = {
        name: rng.standard_normal((16, channels, 3, 3)).astype(np.float32)
        for name, channels in (("w1", 3), ("w2", 16), ("w3", 16))
    }
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["c1"], "/stem/Conv", **pads),
        helper.make_node("Relu", ["c1"], ["r1"], "/stem/Relu"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "/block/Conv", **pads),
        helper.make_node("Add", ["c2", "r1"], ["s"], "/sum/Add"),
        helper.make_node("Relu", ["s"], ["r2"], "/sum/Relu"),
        helper.make_node("Reshape", ["r2", "shape"], ["flat"], "/head/Reshape"),
        helper.make_node("ReduceMean", ["flat"], ["y"], "/head/ReduceMean", axes=[2]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 40, 40))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 16, 1))],
        [
            *(onnx.numpy_helper.from_array(array, name) for name, array in weights.items()),
            onnx.numpy_helper.from_array(np.array([1, 16, 1600]), "shape"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def test_layers_come_back_to_modules() -> None:
    with OnnxRuntimeBackend().build(OnnxModel(residual())) as engine:
        assert isinstance(engine, LayerProfiler)
        layers = engine.layer_times(runs=5)
    assert all(layer.ms >= 0 for layer in layers)
    named = [node for layer in layers for node in layer.nodes]
    assert len(named) == len(set(named))  # a node is computed once
    assert {"/stem/Conv", "/block/Conv", "/sum/Add", "/head/ReduceMean"} <= set(named)
    times = attribute(layers, ["stem", "block", "sum", "head"])
    assert {"stem", "head"} <= times.modules.keys()
    told = {*times.modules, *(name for names in times.shared for name in names)}
    assert told == {"stem", "block", "sum", "head"}
    assert ("stem", "block") not in times.shared
    assert times.total_ms == pytest.approx(sum(layer.ms for layer in layers))


def test_a_module_with_several_inputs() -> None:
    inputs = {**small_model().example_inputs(), "image": np.ones((1, 3, 96, 96), np.float32)}
    model = TorchModel(small_model().torch_module(), inputs, ("features", "total"))
    with OnnxRuntimeBackend().build(model) as engine:
        assert isinstance(engine, LayerProfiler)
        before = engine.run(inputs)
        layers = engine.layer_times(runs=2)
        assert engine.layer_times({name: array + 1 for name, array in inputs.items()}, runs=1)
        with pytest.raises(EngineInputError, match="input 'bias' is missing"):
            engine.layer_times({"image": inputs["image"]})
        for name, array in engine.run(inputs).items():  # a profile leaves the engine as it was
            np.testing.assert_array_equal(array, before[name])
    assert set(attribute(layers, ["conv"]).modules) == {"conv"}
    with pytest.raises(EngineBuildError, match="closed"):
        engine.layer_times()


def events(path: Path, *times: tuple[str, str, int]) -> Path:
    path.write_text(json.dumps([{"cat": c, "name": n, "dur": d} for c, n, d in times]))
    return path


def test_only_kernels_of_the_last_runs_count(tmp_path: Path) -> None:
    profile = events(
        tmp_path / "p.json",
        ("Session", "model_run", 90_000),
        *(("Node", "a_kernel_time", us) for us in (9000, 1000, 3000, 2000)),
        *(("Node", "b_kernel_time", us) for us in (9000, 5, 6, 4)),
        ("Node", "a_fence_before", 700),
    )
    assert node_times(profile, 3) == {"a": 2.0, "b": 0.005}
    with pytest.raises(EngineRunError, match="no layer times"):
        node_times(events(tmp_path / "q.json", ("Session", "model_run", 9)), 3)


def test_what_became_of_the_nodes(tmp_path: Path) -> None:
    """A graph as ONNX Runtime 1.31 writes it: blocks of channels, absorbed sums, reorderings."""
    blocked = {"domain": "com.microsoft.nchwc"}
    nodes = [
        helper.make_node("ReorderInput", ["image"], ["reorder_0"], "ReorderInput_1", **blocked),
        helper.make_node("Conv", ["reorder_0", "w1"], ["reorder_1"], "r1_nchwc", **blocked),
        helper.make_node("Conv", ["reorder_1", "w2"], ["reorder_2"], "c2_nchwc", **blocked),
        helper.make_node("ReorderOutput", ["reorder_2"], ["r2"], "ReorderOutput_1", **blocked),
        helper.make_node("ReduceMean", ["r2"], ["y"], "/head/ReduceMean"),
    ]  # fmt: skip
    path = tmp_path / "optimised.onnx"
    graph = helper.make_graph(nodes, "g", [], [])
    onnx.save(helper.make_model(graph), path)
    times = {node.name: float(number) for number, node in enumerate(nodes)}
    assert layer_times({**times, "odd": 0.5}, residual(), path) == (
        LayerTime("ReorderInput_1", 0.0, ()),
        LayerTime("r1_nchwc", 1.0, ("/stem/Conv", "/stem/Relu")),
        LayerTime("c2_nchwc", 2.0, ("/block/Conv", "/sum/Add", "/sum/Relu")),
        LayerTime("ReorderOutput_1", 3.0, ()),
        LayerTime("/head/ReduceMean", 4.0, ("/head/ReduceMean",)),
        LayerTime("odd", 0.5, ()),
    )
