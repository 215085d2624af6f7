import pickle
from dataclasses import replace

import pytest

from searchspaces import (
    IMAGE,
    OUTPUTS,
    PARTS,
    BoxHead,
    DetectorSpec,
    Fpn,
    ModuleSpecError,
    RegionProposals,
    RetinaNetHead,
    ShuffleBackbone,
    TensorSpec,
    cost_of,
)
from tests.searchspaces.reference_layers import (
    BoxHead as TorchBoxHead,
    Pyramid,
    RetinaHead,
    RpnHead,
    observe,
)

TWO_STAGE = DetectorSpec(
    (333, 500),
    ShuffleBackbone(16, (32, 64, 128, 256), ((0,), (1,), (2,), (3,))),
    Fpn(48, norm="bn"),
    RegionProposals(post_nms=70),
    BoxHead(num_convs=2, conv_channels=24, fc_channels=40, max_detections=30),
    7,
)
ONE_STAGE = replace(
    TWO_STAGE,
    neck=Fpn(48, first=1, extra="conv", extra_levels=2),
    rpn=None,
    head=RetinaNetHead(48, 2),
)
MAPS = [(1, 32, 84, 125), (1, 64, 42, 63), (1, 128, 21, 32), (1, 256, 11, 16)]


@pytest.mark.parametrize("detector", [TWO_STAGE, ONE_STAGE], ids=["two-stage", "one-stage"])
@pytest.mark.parametrize("batch", [1, 3])
def test_graph_gives_what_is_promised(detector, batch):
    graph = detector.graph(batch, "fp16")
    assert graph.inputs == ((IMAGE, TensorSpec((batch, 3, 333, 500))),)
    top = detector.head.max_detections
    assert [graph.tensors[ref] for ref in graph.outputs] == [
        TensorSpec((batch, top, 4)),
        TensorSpec((batch, top)),
        TensorSpec((batch, top), "int64"),
        TensorSpec((batch,), "int64"),
    ]
    assert detector.output_names == OUTPUTS
    assert len(graph.outputs) == len(OUTPUTS)
    assert {(n.spec.batch, n.spec.dtype) for n in graph.nodes} == {(batch, "fp16")}


@pytest.mark.parametrize("detector", [TWO_STAGE, ONE_STAGE], ids=["two-stage", "one-stage"])
def test_modules_are_those_of_the_graph_in_order(detector):
    graph = detector.graph(2)
    assert detector.modules(2) == tuple(graph.counts().items())


@pytest.mark.parametrize("detector", [TWO_STAGE, ONE_STAGE], ids=["two-stage", "one-stage"])
@pytest.mark.parametrize("batch", [1, 2])
def test_nodes_are_those_of_the_graph(detector, batch):
    assert tuple(detector.nodes(batch)) == detector.graph(batch).nodes


@pytest.mark.parametrize("detector", [TWO_STAGE, ONE_STAGE], ids=["two-stage", "one-stage"])
def test_macs_per_part_sum_the_nodes(detector):
    for elementwise in (False, True):
        macs = detector.macs(elementwise=elementwise)
        for part in PARTS:
            costs = [cost_of(n.spec) for n in detector.graph().nodes if n.part == part]
            expected = sum(c.macs + elementwise * c.elementwise for c in costs)
            assert macs[part] == expected
        assert macs["total"] == sum(macs[part] for part in PARTS)
    assert all(type(count) is int for count in macs.values())


def test_macs_of_neck_rpn_and_head_are_those_of_torch():
    macs, with_elementwise = TWO_STAGE.macs(), TWO_STAGE.macs(elementwise=True)
    levels, neck = observe(lambda: Pyramid([32, 64, 128, 256], 48, "pool", 1, "bn"), MAPS)
    _, rpn = observe(lambda: RpnHead(48, 3), levels)
    box_shape = (70, 48, 7, 7)
    _, head = observe(lambda: TorchBoxHead(48, 7, 2, 24, 1, 40, "bn", 7, False), [box_shape])
    for part, cost in (("neck", neck), ("rpn", rpn), ("head", head)):
        assert macs[part] == cost.macs
        assert with_elementwise[part] == cost.macs + cost.elementwise


def test_macs_of_the_one_stage_parts_are_those_of_torch():
    macs = ONE_STAGE.macs()
    levels, neck = observe(lambda: Pyramid([64, 128, 256], 48, "conv", 2, "none"), MAPS[1:])
    _, head = observe(lambda: RetinaHead(48, 48, 2, 9, 7, "none"), levels)
    assert macs["neck"] == neck.macs
    assert macs["head"] == head.macs
    assert macs["rpn"] == 0


def test_a_batch_multiplies_macs_but_not_parameters():
    assert TWO_STAGE.macs(4) == {part: 4 * n for part, n in TWO_STAGE.macs().items()}
    costs = [cost_of(n.spec) for n in TWO_STAGE.graph(4).nodes]
    assert sum(c.params for c in costs) == TWO_STAGE.params()


def test_parameters_do_not_depend_on_the_input_size():
    assert replace(TWO_STAGE, input_hw=(64, 64)).params() == TWO_STAGE.params()


def test_one_class_is_enough():
    for detector in (TWO_STAGE, ONE_STAGE):
        assert replace(detector, num_classes=1).graph().tensors


def test_specifications_are_values():
    assert pickle.loads(pickle.dumps(TWO_STAGE)) == TWO_STAGE == replace(TWO_STAGE)
    assert len({TWO_STAGE, replace(TWO_STAGE), ONE_STAGE}) == 2


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"rpn": None}, "BoxHead and rpn=None do not fit together; give it an RPN"),
        ({"head": RetinaNetHead()}, r"RetinaNetHead and .* leave the RPN out \(rpn=None\)"),
        ({"input_hw": (31, 500)}, r"input 500x31 \(width x height\) is too small; .* 32 pixels"),
        ({"input_hw": [333, 500]}, r"must be a tuple \(height, width\) of ints, got \[333, 500\]"),
        ({"input_hw": (333,)}, r"got \(333,\)"),
        ({"input_hw": (333.0, 500)}, r"got \(333.0, 500\)"),
        ({"input_hw": 333}, "got 333"),
        ({"num_classes": 0}, "num_classes must be an int >= 1, got 0"),
        ({"num_classes": "80"}, "num_classes must be an int >= 1, got '80'"),
        ({"num_classes": True}, "got True"),
    ],
)
def test_detectors_that_cannot_exist_are_refused(changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        replace(TWO_STAGE, **changes)


@pytest.mark.parametrize(("batch", "dtype"), [(0, "fp32"), (-1, "fp32"), (1, "fp64")])
def test_batches_and_precisions_that_do_not_exist_are_refused(batch, dtype):
    with pytest.raises(ModuleSpecError):
        TWO_STAGE.graph(batch, dtype)
    with pytest.raises(ModuleSpecError):
        TWO_STAGE.modules(batch, dtype)
