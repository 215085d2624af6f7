"""Inner tensors of parts of detectors."""

import numpy as np
import pytest

from engines import OpenVinoBackend, get_backend
from latency import Workload, WorkloadModel
from latency.workloads.workload import CHAIN, DETECTOR, MODULE
from searchspaces import chain, make_space

SPACE = make_space("detnas-nano", head="fpn", input_hw=(64, 96), num_classes=3, proposals=10)
GRAPH = SPACE.detector(SPACE.decode("00-00-0000-00")).graph()


def model(role: str, *kinds: str) -> WorkloadModel:
    names = [node.name for node in GRAPH.nodes if node.spec.kind in kinds]
    graph = GRAPH.subgraph(names) if kinds else GRAPH
    return WorkloadModel(Workload(role, "some", graph))


def test_a_whole_detector_has_no_inner_tensors() -> None:
    assert model(DETECTOR).inner_tensors == frozenset()


def test_maps_of_a_part_are_inner_but_not_the_image_or_boxes() -> None:
    first = model(CHAIN, "stem_conv")
    assert "image" not in first.inner_tensors
    assert len(first.inner_tensors) == 1
    pooling = model(MODULE, "roi_align")
    shapes = {name: array.shape for name, array in pooling.example_inputs().items()}
    maps = {name for name, shape in shapes.items() if len(shape) == 4}
    assert len(maps) == 4
    assert pooling.inner_tensors == maps | {"roi_align"}


def test_a_chain_of_one_image_module_keeps_its_input() -> None:
    stem = next(node.spec for node in GRAPH.nodes if node.spec.kind == "stem_conv")
    (given,) = WorkloadModel(Workload(CHAIN, "stem", chain([stem]))).inner_tensors
    assert given != "input_0"


@pytest.mark.skipif(
    OpenVinoBackend().unavailable_reason() is not None,
    reason=str(OpenVinoBackend().unavailable_reason()),
)
def test_parts_give_the_same_on_openvino() -> None:
    part = model(CHAIN, "fpn", "rpn_head")
    results = []
    for name in ("openvino", "onnxruntime"):
        with get_backend(name).build(part) as engine:
            results.append(engine.run(part.example_inputs()))
    assert results[0].keys() == results[1].keys()
    for name, array in results[0].items():
        np.testing.assert_allclose(array, results[1][name], atol=1e-4, err_msg=name)
