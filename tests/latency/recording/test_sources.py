from __future__ import annotations

import pytest

from latency.recording.sources import Detectors, is_data_dependent
from searchspaces import chain, make_space
from tests.detection.variants import VARIANTS


@pytest.fixture
def graphs():
    space = make_space("detnas-nano", head="fpn", input_hw=(64, 64), num_classes=3)
    return [space.detector(space.decode(code)).graph() for code in ("3333333333", "0000000000")]


def node(graph, name):
    return next(n for n in graph.nodes if n.name == name)


def test_a_tail_starts_behind_the_backbone_of_the_cheapest_detector(graphs):
    tail = [n.name for n in graphs[0].nodes if n.part != "backbone"]
    part = graphs[0].subgraph(tail)
    source = Detectors(graphs).source(part)
    assert source.detector is graphs[1]
    assert list(source.references) == [name for name, _ in part.inputs]
    assert list(source.references.values()) == list(node(graphs[1], tail[0]).inputs)


def test_a_module_alone_is_given_what_an_equal_one_is_given(graphs):
    wanted = node(graphs[0], "detections")
    source = Detectors(graphs).source(chain([wanted.spec]))
    assert tuple(source.references.values()) == wanted.inputs


def test_of_equal_modules_the_one_of_the_same_wiring_is_meant():
    graph = VARIANTS["cascade3"].graph()
    second = graph.subgraph(["roi_align_2"])
    references = Detectors([graph]).source(second).references
    assert references["refine_2"] == "refine_2"
    alone = Detectors([graph]).source(chain([node(graph, "roi_align_2").spec])).references
    assert "proposals" in alone.values()  # named after nothing: the first


def test_a_module_with_other_settings_is_given_equal_tensors(graphs):
    spec = node(graphs[0], "detections").spec
    other = type(spec).of(spec.kind, spec.inputs, **dict(spec.params, nms_iou=0.7))
    source = Detectors(graphs).source(chain([other]))
    assert tuple(source.references.values()) == node(graphs[0], "detections").inputs


def test_nothing_fits_a_module_of_another_size(graphs):
    other = VARIANTS["mask_rcnn"].graph()
    assert Detectors(graphs).source(chain([node(other, "proposals").spec])) is None
    assert Detectors([]).source(chain([node(other, "proposals").spec])) is None


def test_whole_asks_for_names_and_modules(graphs):
    detectors = Detectors(graphs)
    assert detectors.whole(graphs[0]) is graphs[0]
    assert detectors.whole(graphs[0].subgraph(["proposals"])) is graphs[1]
    assert detectors.whole(chain([node(graphs[0], "proposals").spec])) is None


def test_which_graphs_depend_on_their_data(graphs):
    assert is_data_dependent(graphs[0])
    assert is_data_dependent(VARIANTS["retinanet"].graph())
    assert not is_data_dependent(graphs[0].subgraph(["rpn_head"]))
