"""The search on a real detector with a planted overflow, and its log."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import Detector, Preprocess
from engines import OnnxModel, get_backend
from export import Session
from export.bundle.postprocess import Postprocess
from export.comparison.data import EvaluationData, open_data
from export.precision.journal import Journal
from export.precision.lowerings import HalfLowering
from export.precision.meter import Loss, LossMeter, Recorded
from export.precision.search import Kept, find_kept
from export.running.reference import Reference
from latency import module_of_node

LABELS = ("circle", "square", "triangle")
PREPROCESS = Preprocess((64, 64))
LIMIT = 5.0


class Search:
    """Search on a detector; count the models that were judged."""

    def __init__(self, detector: Detector, content: bytes, data: EvaluationData) -> None:
        self.lowering = HalfLowering(content)
        self.meter = LossMeter(Recorded(Reference(detector, PREPROCESS, LABELS), data), LIMIT)
        self.data = data
        self.judged = 0
        self.most = math.inf

    def loss_of(self, content: bytes) -> Loss:
        if self.judged >= self.most:
            raise KeyboardInterrupt
        self.judged += 1
        with get_backend("onnxruntime").build(OnnxModel(content)) as engine:
            return self.meter.loss(Session(engine, PREPROCESS, Postprocess(), LABELS))

    def run(self, journal: Journal | None = None, **options: Any) -> Kept:
        images = [self.data.dataset.load(info) for info in self.data.annotations.images]
        batches = [{"image": PREPROCESS.apply(image)[0][None]} for image in images[:2]]
        return find_kept(
            self.lowering,
            self.meter,
            self.loss_of,
            batches,
            judged_by="a test",
            max_evaluations=options.pop("max_evaluations", 100),
            journal=journal,
            **options,
        )


@pytest.fixture
def data(data_folder: Path) -> EvaluationData:
    return open_data(data_folder, "val", PREPROCESS)


@pytest.fixture
def search(planted: tuple[Detector, str], planted_content: bytes, data: EvaluationData) -> Search:
    return Search(planted[0], planted_content, data)


def test_a_planted_overflow_is_found_and_repaired(
    search: Search, planted: tuple[Detector, str]
) -> None:
    told: list[tuple[str, float, float]] = []
    found = search.run(progress=lambda *args: told.append(args))
    record = found.record
    assert record.drop_before > 20
    assert record.drop_after <= LIMIT
    assert found.names == {node.name for node in found.nodes}
    assert {module_of_node(name) for name in found.names} == {planted[1]}
    assert record.minimal
    assert record.evaluations == search.judged
    assert record.evaluations <= 2 * len(found.names) * math.log2(record.candidates)
    assert any("it saturates: it gives up to" in node.why for node in found.nodes)
    assert all((node.harm or 0) > LIMIT for node in found.nodes)
    # The answer is judged once more, by itself: it keeps the limit and no member can go.
    assert search.loss_of(search.lowering.judged(found.names)).passed
    for name in found.names:
        assert not search.loss_of(search.lowering.judged(found.names - {name})).passed
    assert any("nodes in fp32: " in message for message, _, _ in told)
    assert any(", at most " in message for message, _, _ in told)


def test_a_detector_without_one_needs_a_single_look(
    detector: Detector, content: bytes, data: EvaluationData
) -> None:
    search = Search(detector, content, data)
    found = search.run()
    assert found.names == frozenset()
    assert search.judged == found.record.evaluations == 1
    assert found.record.drop_before == found.record.drop_after


def test_an_interrupted_search_goes_on(
    tmp_path: Path, search: Search, planted: tuple[Detector, str]
) -> None:
    path = tmp_path / "log.jsonl"
    search.most = 3
    with pytest.raises(KeyboardInterrupt):
        search.run(Journal(path, "s"))
    search.most = math.inf
    found = search.run(Journal(path, "s"))
    assert search.judged == found.record.evaluations  # none was judged twice
    assert {module_of_node(name) for name in found.names} == {planted[1]}


def test_a_stopped_search_returns_what_suffices(search: Search) -> None:
    found = search.run(max_evaluations=3)
    assert search.judged == found.record.evaluations == 3
    assert not found.record.minimal
    assert search.loss_of(search.lowering.judged(found.names)).passed


def test_a_weight_beyond_half_stays_without_a_search(content: bytes) -> None:
    import onnx

    model = onnx.load_from_string(content)
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    for tensor in model.graph.initializer:
        if tensor.name == conv.input[1]:
            array = np.array(onnx.numpy_helper.to_array(tensor))
            array.flat[0] = 1e5
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    lowering = HalfLowering(model.SerializeToString())
    assert [node.name for node in lowering.always] == [conv.name]
    assert "its weights reach 1e+05, beyond half precision (65504)" in lowering.always[0].why
    assert conv.name not in lowering.candidates
    lowering.write(())


def test_a_node_that_the_engine_strays_at_is_looked_at_first(
    content: bytes, data: EvaluationData
) -> None:
    class Told(HalfLowering):
        def judged(self, keep: Any) -> bytes:
            return "\n".join(sorted(keep)).encode()

    lowering = Told(content)
    needed = lowering.candidates[-1]

    def loss_of(kept: bytes) -> Loss:
        passed = needed in kept.decode().split("\n")
        return Loss(0.0, 0.1, passed, 0.99 if passed else 0.6)

    class Limit:
        limit = LIMIT
        images = len(data)

    image = PREPROCESS.apply(data.dataset.load(data.annotations.images[0]))[0][None]
    found = find_kept(
        lowering,
        Limit(),  # type: ignore[arg-type]
        loss_of,
        [{"image": image}],
        judged_by="a test",
        max_evaluations=100,
        strayed=lambda: {lowering.candidates[0]: 11.0, needed: 3.25},
    )
    assert found.names == {needed}
    assert "the engine quantises what it takes otherwise" in found.nodes[0].why
    assert "3.2 dB" in found.nodes[0].why
    assert (found.record.matched_before, found.record.matched_after) == (0.6, 0.99)
    assert found.record.minimal
