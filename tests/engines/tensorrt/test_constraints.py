"""Which layers of a weakly typed network are held in float32."""

from typing import Any

import pytest

from engines import TensorRtOptions
from tests.engines.tensorrt.conftest import Install
from tests.engines.tensorrt.models import two_heads

WEAK = ("8.6.1", "10.4.0")
HEADS = {"/decode/Exp", "/decode/Mul"}


def layers_of(trt: Any) -> list[Any]:
    return list(trt.state.networks[-1].layers)


def held(trt: Any) -> set[str]:
    assert {layer.precision for layer in layers_of(trt)} <= {None, trt.DataType.FLOAT}
    return {layer.name for layer in layers_of(trt) if layer.precision is not None}


@pytest.mark.parametrize("version", WEAK)
def test_fp16_leaves_what_computes_boxes_exact(install: Install, version: str) -> None:
    backend, trt, _ = install(version)
    backend.build(two_heads(), precision="fp16").close()
    assert held(trt) == HEADS
    assert all(layer.output_types == {} for layer in layers_of(trt))


@pytest.mark.parametrize("version", WEAK)
def test_int8_leaves_probabilities_and_last_layers_exact(install: Install, version: str) -> None:
    """A last convolution in int8 is fine, but 255 values for all its logits are not."""
    backend, trt, _ = install(version)
    backend.build(two_heads(), precision="int8").close()
    assert held(trt) == {*HEADS, "/head/Sigmoid"}
    exact = {layer.name: layer.output_types for layer in layers_of(trt) if layer.output_types}
    assert exact == {"/head/Conv": {0: trt.DataType.FLOAT}}


@pytest.mark.parametrize("version", WEAK)
def test_layers_that_no_node_names_are_as_what_they_read(install: Install, version: str) -> None:
    backend, trt, _ = install(version, helpers=("/body/Relu", "/decode/Mul"))
    backend.build(two_heads(), precision="fp16").close()
    broadcasts = [layer for layer in layers_of(trt) if layer.name == "ONNXTRT_Broadcast"]
    assert [layer.precision for layer in broadcasts] == [None, trt.DataType.FLOAT]
    assert held(trt) == {*HEADS, "ONNXTRT_Broadcast"}


def test_nothing_is_held_where_the_graph_says_it(install: Install) -> None:
    backend, trt, _ = install("10.4.0", options=TensorRtOptions(typing="strong"))
    for precision in ("fp32", "fp16", "int8"):
        backend.build(two_heads(), precision=precision).close()
        assert held(trt) == set()


@pytest.mark.parametrize("version", WEAK)
def test_nothing_is_held_in_fp32(install: Install, version: str) -> None:
    backend, trt, _ = install(version)
    backend.build(two_heads()).close()
    assert held(trt) == set()
