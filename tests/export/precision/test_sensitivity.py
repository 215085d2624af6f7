"""Noise of all nodes in one run against each node lowered in a model of its own."""

import math
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from engines import calibrate, prepared_model
from export.precision.lowerings import HalfLowering, Int8Lowering
from export.precision.sensitivity import node_noise
from latency import module_of_node


@pytest.fixture(scope="module")
def batches() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [{"image": rng.standard_normal((1, 3, 64, 64)).astype(np.float32)} for _ in range(2)]


def outputs(content: bytes, name: str, batch: dict[str, Any]) -> np.ndarray:
    model = onnx.load_from_string(content)
    del model.graph.output[:]
    kind = onnx.TensorProto.FLOAT
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, batch)[0], np.float64)


def test_noise_is_that_of_the_node_alone(content: bytes, batches: list[dict[str, Any]]) -> None:
    ranges = calibrate(prepared_model(content), batches, "minmax")
    lowering = Int8Lowering(content, ranges)
    found = {row.name: row for row in node_noise(lowering, batches)}
    assert found.keys() == set(lowering.candidates)
    graph = onnx.load_from_string(lowering.content).graph
    made = {node.name: node.output[0] for node in graph.node}
    for name in lowering.candidates[:: len(lowering.candidates) // 3]:
        alone = lowering.convert(lowering.content, [name])
        signal = noise = 0.0
        for batch in batches:
            exact = outputs(lowering.content, made[name], batch)
            signal += (exact**2).sum()
            noise += ((outputs(alone, made[name], batch) - exact) ** 2).sum()
        assert found[name].sqnr_db == pytest.approx(10 * math.log10(signal / noise), abs=0.05)


def test_the_worst_comes_first(content: bytes, batches: list[dict[str, Any]]) -> None:
    ranges = calibrate(prepared_model(content), batches, "minmax")
    found = node_noise(Int8Lowering(content, ranges), batches)
    ratios = [row.sqnr_db for row in found]
    assert ratios == sorted(ratios)
    assert 0 < ratios[0] < 40 < ratios[-1]  # eight bits give some 40 dB where nothing is cut off


def test_half_makes_little_noise_everywhere(content: bytes, batches: list[dict[str, Any]]) -> None:
    found = node_noise(HalfLowering(content), batches)
    assert min(row.sqnr_db for row in found) > 40


def test_a_saturating_node_is_named(
    planted: tuple[Any, str], planted_content: bytes, batches: list[dict[str, Any]]
) -> None:
    found = node_noise(HalfLowering(planted_content), batches)
    saturating = [row for row in found if row.sqnr_db == -math.inf]
    assert saturating
    assert {module_of_node(row.name) for row in saturating} == {planted[1]}
    assert "it saturates: it gives up to" in saturating[0].why
    assert "beyond 65504" in saturating[0].why
    assert any("it takes up to" in row.why for row in saturating)


def test_without_images_or_candidates_there_is_nothing_to_rank(content: bytes) -> None:
    assert node_noise(HalfLowering(content), []) == ()
