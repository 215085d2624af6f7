"""Tensors that an engine quantises otherwise than the model says are found, and only they."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from detection import Detector
from engines import OnnxModel, calibrate, get_backend, prepared_model
from export.comparison.tensors import compare_tensors
from export.gate.tensors import COSINE_LIMITS
from export.precision.lowerings import Int8Lowering
from export.precision.strays import LEAST_DB, strayed_nodes

Arrays = dict[str, np.ndarray]
Change = Callable[[str, np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def batches() -> list[Arrays]:
    rng = np.random.default_rng(0)
    return [{"image": rng.standard_normal((1, 3, 64, 64)).astype(np.float32)} for _ in range(2)]


@pytest.fixture(scope="module")
def lowering(content: bytes, batches: list[Arrays]) -> Int8Lowering:
    return Int8Lowering(content, calibrate(prepared_model(content), batches, "minmax"))


class Changed:
    """onnxruntime, of which some outputs are something else."""

    def __init__(self, content: bytes, change: Change) -> None:
        self.session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        self.change = change

    def run(self, inputs: Any) -> Arrays:
        names = [output.name for output in self.session.get_outputs()]
        values = zip(names, self.session.run(None, dict(inputs)), strict=True)
        return {name: self.change(name, value) for name, value in values}


def build(change: Change) -> Callable[[bytes], Any]:
    @contextmanager
    def built(content: bytes) -> Iterator[Changed]:
        yield Changed(content, change)

    return built


def test_an_engine_that_keeps_to_the_model_strays_nowhere(
    lowering: Int8Lowering, batches: list[Arrays]
) -> None:
    assert strayed_nodes(lowering, build(lambda _name, value: value), batches) == {}


def test_nodes_that_read_another_scale_are_named(
    lowering: Int8Lowering, batches: list[Arrays]
) -> None:
    graph = onnx.load_from_string(lowering.write(())).graph
    read = {node.name: node.input[0] for node in graph.node if node.name in lowering.candidates}
    wrong = read[lowering.candidates[3]]

    def coarse(name: str, value: np.ndarray) -> np.ndarray:
        step = np.abs(value).max() / 2 if name == wrong else 0
        return np.rint(value / step) * step if step else value

    found = strayed_nodes(lowering, build(coarse), batches)
    assert list(found) == [node for node, tensor in read.items() if tensor == wrong]
    assert all(ratio < LEAST_DB for ratio in found.values())


def test_a_number_that_is_not_finite_strays(lowering: Int8Lowering, batches: list[Arrays]) -> None:
    def broken(name: str, value: np.ndarray) -> np.ndarray:
        return np.full_like(value, np.nan) if name.endswith("/quantized") else value

    found = strayed_nodes(lowering, build(broken), batches)
    assert set(found.values()) == {-np.inf}
    order = [name for name in lowering.candidates if name in found]
    assert list(found) == order


def test_without_images_nothing_is_said(lowering: Int8Lowering) -> None:
    assert strayed_nodes(lowering, build(lambda _name, value: value), []) == {}


def test_openvino_keeps_to_the_model(lowering: Int8Lowering, batches: list[Arrays]) -> None:
    """A ShuffleNet, whose stages end in concatenations that several convolutions read."""
    pytest.importorskip("openvino")

    @contextmanager
    def built(content: bytes) -> Iterator[Any]:
        model = OnnxModel(content, batches[0], written_in="int8")
        with get_backend("openvino").build(model, precision="int8") as engine:
            yield engine

    assert strayed_nodes(lowering, built, batches) == {}


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_every_module_of_the_engine_is_right(
    detector: Detector, lowering: Int8Lowering, batches: list[Arrays], engine: str
) -> None:
    pytest.importorskip(engine)
    images = [batch["image"] for batch in batches]
    backend = get_backend(engine)
    report = compare_tensors(detector, lowering.write(()), backend, images, precision="int8")
    assert min(row.cosine for row in report.rows) > COSINE_LIMITS["int8"]
