from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from detection import GraphModel
from detection.candidates import SHARE
from searchspaces import make_space
from tests.detection.variants import VARIANTS


@pytest.mark.parametrize("classes", [3, 80])
@pytest.mark.parametrize("head", ["retinanet", "fpn"])
def test_the_share_of_candidates_passes_the_threshold(head, classes):
    space = make_space("detnas-nano", head=head, input_hw=(96, 96), num_classes=classes)
    graph = space.detector(space.sample(np.random.default_rng(0))).graph()
    model = GraphModel(graph)
    module = model.torch_module()
    inputs = {name: torch.tensor(array) for name, array in model.example_inputs().items()}
    kind = "retinanet_head" if head == "retinanet" else "box_head"
    with torch.no_grad():
        (logits,) = module.run(inputs, (kind,))
        count = module(*inputs.values())[3]
    scores = logits.sigmoid() if head == "retinanet" else logits.softmax(-1)[:, :-1]
    spec = next(n.spec for n in graph.nodes if n.name == "detections")
    rows = spec.get_int("pre_nms")
    if head == "retinanet":
        anchors = [h * w * 9 for h, w in ((12, 12), (6, 6), (3, 3), (2, 2), (1, 1))]
        rows = sum(min(rows, n) for n in anchors)
    passing = int((scores > spec.get_float("score_threshold")).sum())
    assert passing == pytest.approx(SHARE * rows, abs=2)
    assert int(count) > 10


def passing(logits, spec):
    """Return how many (row, class) pairs pass the threshold, and how many are wanted."""
    scores = logits.softmax(-1)[:, :-1]
    wanted = SHARE * spec.get_int("pre_nms") * spec.batch
    return int((scores > spec.get_float("score_threshold")).sum()), wanted


@pytest.mark.parametrize("name", ["cascade2", "cascade4", "c4", "c4_cascade"])
def test_of_a_cascade_the_mean_of_the_heads_passes(name):
    head = VARIANTS[name].head
    detector = replace(VARIANTS[name], head=replace(head, pre_nms=60))
    model = GraphModel(detector.graph(batch=2))
    module = model.torch_module()
    inputs = {name: torch.tensor(array) for name, array in model.example_inputs().items()}
    last = next(n for n in model.graph.nodes if n.name == "detections")
    with torch.no_grad():
        (logits,) = module.run(inputs, last.inputs[:1])
    found, wanted = passing(logits, last.spec)
    assert found == pytest.approx(wanted, abs=2)


def test_a_cut_cascade_spreads_the_heads_that_are_left():
    graph = VARIANTS["cascade3"].graph()
    tail = graph.subgraph(["box_head_2", "average_scores", "detections"])
    module = GraphModel(tail).torch_module()
    layer = module.get_submodule("nodes.box_head_2.classes")
    assert not layer.get_parameter("weight")[-1].any()
    assert layer.get_parameter("weight")[:-1].std() > 0.02  # 0.01 when drawn


def test_graphs_without_detections_are_left_alone():
    space = make_space("detnas-nano", head="retinanet", input_hw=(96, 96), num_classes=3)
    graph = space.detector(space.decode("0" * 10)).graph()
    part = graph.subgraph(["neck", "retinanet_head"])
    head = GraphModel(part).torch_module().get_submodule("nodes.retinanet_head")
    assert float(head.get_parameter("classes.bias").detach()[0]) == pytest.approx(-4.595, abs=1e-3)


def test_equal_seeds_give_equal_weights():
    space = make_space("detnas-nano", head="fpn", input_hw=(96, 96), num_classes=3)
    graph = space.detector(space.decode("0" * 10)).graph()
    a, b = (GraphModel(graph, seed=3).torch_module().state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_of_several_inputs_the_median_one_gets_the_share():
    space = make_space("detnas-nano", head="retinanet", input_hw=(96, 96), num_classes=3)
    graph = space.detector(space.decode("0" * 10)).graph()
    rng = np.random.default_rng(0)
    sets = [{"image": rng.standard_normal((1, 3, 96, 96)).astype("f4") * k} for k in (1, 3, 0.3)]
    module = GraphModel(graph, input_sets=sets).torch_module()
    passing = []
    for each in sets:
        with torch.no_grad():
            (logits,) = module.run({"image": torch.from_numpy(each["image"])}, ("retinanet_head",))
        passing.append(int((logits.sigmoid() > 0.05).sum()))
    few, middle, many = sorted(passing)
    assert few < middle < many
    (alone,) = GraphModel(graph, input_sets=sets[:1]).all_inputs()
    assert passing[0] == middle
    assert alone["image"] is sets[0]["image"]
