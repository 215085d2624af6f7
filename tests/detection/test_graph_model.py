"""Names, inputs and seeds of graphs that become engines."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from detection import GraphModel
from searchspaces import DetectorSpec, chain
from tests.detection.variants import CLASSES, SIDE, VARIANTS

MakeSpec = Callable[..., DetectorSpec]


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
def test_a_whole_detector(make_spec: MakeSpec, head: str) -> None:
    spec = make_spec(head)
    model = GraphModel(spec.graph(batch=2))
    assert model.input_names == tuple(model.example_inputs()) == ("image",)
    assert model.output_names == ("boxes", "scores", "labels", "count")
    assert model.macs == spec.macs(batch=2)["total"]
    assert model.name == spec.graph(batch=2).key
    assert GraphModel(spec.graph(), label="mine").name == "mine"


def test_equal_seeds_give_equal_weights_and_inputs(make_spec: MakeSpec) -> None:
    graph = make_spec("retinanet").graph()
    before = torch.get_rng_state()
    first, same, other = (GraphModel(graph, seed) for seed in (3, 3, 4))
    states = [model.torch_module().state_dict() for model in (first, same, other)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert not all(torch.equal(value, states[2][name]) for name, value in states[0].items())
    images = [model.example_inputs()["image"] for model in (first, same, other)]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    assert torch.equal(torch.get_rng_state(), before)  # the caller's randomness is untouched
    assert not first.torch_module().training


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
def test_every_module_alone_runs_on_its_example(make_spec: MakeSpec, head: str) -> None:
    for spec in make_spec(head).graph(batch=2).counts():
        model = GraphModel(chain([spec]))
        inputs = model.example_inputs()
        assert [(a.shape, str(a.dtype)) for a in inputs.values()] == [
            (t.shape, t.dtype) for t in spec.inputs
        ]
        with torch.no_grad():
            outputs = model.torch_module()(*map(torch.from_numpy, inputs.values()))
        assert len(outputs) == len(model.output_names) == len(set(model.output_names))
        assert all(bool(o.isfinite().all()) for o in outputs if o.is_floating_point())


def test_boxes_lie_inside_the_image_and_counts_are_full(make_spec: MakeSpec) -> None:
    graph = make_spec("fpn", side=96).graph()
    model = GraphModel(graph.subgraph(["roi_align", "box_head", "detections"]))
    inputs = model.example_inputs()
    boxes = inputs["proposals"]
    assert boxes.shape == (1, 100, 4)
    assert boxes.min() >= 0
    assert boxes.max() <= 96
    assert (boxes[..., 2:] - boxes[..., :2] >= 3.9).all()
    assert inputs["proposals_1"].tolist() == [100]


@pytest.mark.parametrize("name", VARIANTS)
def test_modules_of_every_family_run_on_their_examples(name: str) -> None:
    for spec in VARIANTS[name].graph(batch=2).counts():
        model = GraphModel(chain([spec]))
        inputs = [torch.from_numpy(array) for array in model.example_inputs().values()]
        with torch.no_grad():
            outputs = model.torch_module()(*inputs)
        assert all(bool(o.isfinite().all()) for o in outputs if o.is_floating_point())


def test_refinement_is_given_boxes_inside_the_image_and_small_deltas() -> None:
    graph = VARIANTS["cascade2"].graph().subgraph(["refine_1"])
    deltas, boxes = GraphModel(graph).example_inputs().values()
    assert (deltas.shape, boxes.shape) == ((100, 4), (1, 100, 4))
    assert np.abs(deltas).max() < 1
    assert boxes.min() >= 0
    assert boxes.max() <= SIDE
    assert (boxes[..., 2:] > boxes[..., :2]).all()


def test_a_detector_with_masks_names_them() -> None:
    graph = VARIANTS["mask_rcnn"].graph()
    names = ("boxes", "scores", "labels", "count", "masks")
    assert GraphModel(graph).output_names == names
    labels = GraphModel(graph.subgraph(["masks"])).example_inputs()["detections_2"]
    assert (labels.min(), labels.max()) == (0, CLASSES - 1)


def test_detections_of_a_module_alone_carry_the_detectors_names(make_spec: MakeSpec) -> None:
    graph = make_spec("fpn").graph()
    assert GraphModel(graph.subgraph(["detections"])).output_names == (
        "boxes",
        "scores",
        "labels",
        "count",
    )
    assert GraphModel(graph.subgraph(["proposals"])).output_names == ("proposals", "proposals_1")


def test_a_node_has_the_same_weights_wherever_it_stands(make_spec: MakeSpec) -> None:
    graph = make_spec("fpn").graph()
    whole = GraphModel(graph, 3).unspread_module().state_dict()
    part = GraphModel(graph.subgraph(["box_head", "rpn_head"]), 3).unspread_module().state_dict()
    assert all(torch.equal(value, whole[name]) for name, value in part.items())
    spec = next(node.spec for node in graph.nodes if node.name == "rpn_head")
    other = GraphModel(chain([spec]), 3).unspread_module().state_dict()
    assert not torch.equal(  # another name: copies in a chain differ
        other["nodes.m0.conv.weight"], whole["nodes.rpn_head.conv.weight"]
    )


def test_recorded_inputs_come_first_and_what_is_missing_is_drawn(make_spec: MakeSpec) -> None:
    graph = make_spec("fpn").graph().subgraph(["proposals"])
    drawn = GraphModel(graph).example_inputs()
    first, second = list(drawn)
    sets = [{first: np.full_like(drawn[first], value)} for value in (1, 2)]
    given = GraphModel(graph, input_sets=sets).all_inputs()
    assert [tuple(each) for each in given] == [(first, second)] * 2
    assert [float(each[first].max()) for each in given] == [1.0, 2.0]
    assert given[0][second].shape == drawn[second].shape
