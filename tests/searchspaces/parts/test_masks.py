import pytest

from searchspaces import (
    C4_ANCHOR_SCALES,
    CASCADE_STDS,
    MASKS,
    OUTPUTS,
    BoxHead,
    MaskBranch,
    RegionProposals,
    SingleLevel,
    TensorSpec,
    cost_of,
    outputs_of,
)
from tests.searchspaces.small_detectors import spec_named, two_stage

BRANCH = MaskBranch(num_convs=2, channels=24)


def with_masks(stages=1, branch=BRANCH, **options):
    head = BoxHead(
        class_agnostic=stages > 1, stage_stds=CASCADE_STDS[:stages], mask=branch, **options
    )
    return two_stage((64, 64), head=head)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_one_head_per_stage_on_the_final_boxes(stages):
    detector = with_masks(stages)
    nodes = {node.name: node for node in detector.graph().nodes}
    heads = [name for name in nodes if name.startswith("mask_head")]
    assert heads == ["mask_head", *(f"mask_head_{i}" for i in range(1, stages))]
    assert all(nodes[name].inputs == ("mask_roi_align",) for name in heads)
    assert nodes["mask_roi_align"].inputs[-1] == "detections"
    assert nodes["masks"].inputs == (*heads, "detections:2")
    assert {node.part for name, node in nodes.items() if "mask" in name} == {"head"}


def test_a_detector_gives_masks_beside_detections():
    detector = with_masks(max_detections=20)
    assert detector.output_names == (*OUTPUTS, MASKS)
    assert two_stage((64, 64)).output_names == OUTPUTS
    graph = detector.graph(batch=2)
    assert graph.tensors[graph.outputs[-1]] == TensorSpec((2, 20, 28, 28))


def test_masks_are_pooled_where_boxes_are_but_finer():
    detector = with_masks()
    mine, theirs = spec_named(detector, "mask_roi_align"), spec_named(detector, "roi_align")
    assert mine.inputs[:-1] == theirs.inputs[:-1]
    assert mine.inputs[-1].shape == (1, 100, 4)
    assert outputs_of(mine)[0].shape == (100, 32, 14, 14)
    assert {k: v for k, v in mine.params if k != "size"} == {
        k: v for k, v in theirs.params if k != "size"
    }


def test_without_a_pyramid_masks_come_from_the_stride_16_map():
    head = BoxHead(roi_stage=True, mask=BRANCH)
    detector = two_stage((64, 64), SingleLevel(), RegionProposals(C4_ANCHOR_SCALES), head)
    spec = spec_named(detector, "mask_roi_align")
    assert spec.get_ints("strides") == (16,)
    assert [t.shape for t in spec.inputs] == [(1, 128, 4, 4), (1, 100, 4)]
    assert spec_named(detector, "mask_head").inputs[0].shape == (100, 128, 14, 14)
    masks = [n for n in detector.graph().nodes if n.spec.kind.startswith("mask")]
    assert not [ref for node in masks for ref in node.inputs if ref.startswith("roi_stage")]


@pytest.mark.parametrize("size", [7, 14])
def test_the_part_declares_its_widths(size):
    detector = with_masks(branch=MaskBranch(1, 40, size, "gn"))
    spec = spec_named(detector, "mask_head")
    assert spec.get_int("channels") == 40
    assert spec.get_str("norm") == "gn"
    assert outputs_of(spec)[0].shape == (100, 3, 2 * size, 2 * size)


def test_masks_cost_what_their_modules_cost():
    plain, masked = two_stage((64, 64)), with_masks()
    more = masked.macs()["head"] - plain.macs()["head"]
    assert more == cost_of(spec_named(masked, "mask_head")).macs > 0
