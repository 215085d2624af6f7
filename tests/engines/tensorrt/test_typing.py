"""Who chooses types: the builder within flags, or the graph."""

from typing import Any

import numpy as np
import onnx
import pytest

from engines import EngineBuildError, OnnxModel, TensorRtOptions
from engines.lowering import lower
from engines.tensorrt.graphs import written_in
from tests.engines.tensorrt.conftest import Install
from tests.engines.tensorrt.models import IMAGE, two_heads
from tests.engines.tensorrt.test_backend import RELEASES, flags_of

STRONG = TensorRtOptions(typing="strong")
WEAK = TensorRtOptions(typing="weak")


def written(precision: str) -> OnnxModel:
    """The model with its precision written into the graph."""
    content = lower(two_heads(), precision).content
    assert written_in(content) == precision
    return OnnxModel(content, {"image": IMAGE}, name=precision)


def is_strong(trt: Any) -> bool:
    return bool(trt.state.networks[-1].strong)


def ops_of(trt: Any) -> set[str]:
    graph = onnx.load_from_string(trt.state.networks[-1].content).graph
    return {node.op_type for node in graph.node}


def test_10_does_as_11_if_asked(install: Install) -> None:
    for precision, op in (("fp32", "Conv"), ("fp16", "Cast"), ("int8", "QuantizeLinear")):
        found = []
        for version, options in (("10.4.0", STRONG), ("11.4.0", None)):
            backend, trt, _ = install(version, options=options)
            with backend.build(two_heads(), precision=precision) as engine:
                assert is_strong(trt)
                assert flags_of(trt) == set()
                assert trt.state.batches == []
                assert op in ops_of(trt)
                found.append(engine.run({"image": IMAGE})["scores"])
        np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("version", RELEASES[1:])
def test_a_graph_that_says_it_is_built_as_it_is(
    install: Install, version: str, precision: str
) -> None:
    backend, trt, _ = install(version)
    model = written(precision)
    with backend.build(model, precision=precision):
        assert is_strong(trt)
        assert flags_of(trt) == set()
        assert trt.state.networks[-1].content == model.onnx_bytes()
        assert trt.state.batches == trt.state.calibrations == []


@pytest.mark.parametrize(("version", "options"), [("8.6.1", None), ("10.4.0", WEAK)])
def test_a_quantised_graph_needs_a_flag_and_no_calibrator(
    install: Install, version: str, options: Any
) -> None:
    backend, trt, _ = install(version, options=options)
    with backend.build(written("int8"), precision="int8"):
        assert not is_strong(trt)
        assert flags_of(trt) == {"INT8"}
        assert trt.state.calibrations == []
        assert all(layer.precision is None for layer in trt.state.networks[-1].layers)


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize(("graph", "asked"), [("fp16", "fp32"), ("int8", "fp16")])
def test_a_graph_does_not_become_another(
    install: Install, version: str, graph: str, asked: str
) -> None:
    wanted = (
        "no strongly typed" if (version, graph) == ("8.6.1", "fp16") else f"written in {graph}"
    )
    with pytest.raises(EngineBuildError, match=wanted):
        install(version)[0].build(written(graph), precision=asked)


@pytest.mark.parametrize(
    ("version", "options", "graph", "message"),
    [
        ("8.6.1", STRONG, "fp32", r"8\.6\.1 has no strongly typed networks.*use TensorRT 10"),
        ("8.6.1", None, "fp16", r"no strongly typed networks.*give it the graph in fp32"),
        ("10.4.0", WEAK, "fp16", "does not keep the types.*leave out typing=weak"),
        ("11.4.0", WEAK, "fp32", r"11\.4\.0 has strongly typed networks alone"),
    ],
)
def test_typings_that_a_release_lacks(
    install: Install, version: str, options: Any, graph: str, message: str
) -> None:
    backend, _, cuda = install(version, options=options)
    with pytest.raises(EngineBuildError, match=message):
        backend.build(written(graph), precision=graph)
    assert cuda.sessions == 0


def test_weights_beyond_half_stay_and_are_told(install: Install) -> None:
    model = onnx.load_from_string(two_heads().onnx_bytes())
    (weight,) = (t for t in model.graph.initializer if t.name == "w")
    weight.CopyFrom(onnx.numpy_helper.from_array(np.full((4, 3, 1, 1), 1e6, np.float32), "w"))
    big = OnnxModel(model.SerializeToString(), {"image": IMAGE}, name="big")
    with install("11.4.0")[0].build(big, precision="fp16") as engine:
        assert any("'/body/Conv' stays in fp32" in text for text in engine.warnings)
