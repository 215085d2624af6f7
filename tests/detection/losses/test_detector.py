"""Which losses a detector has, and how a cascade's are weighted."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from detection import Detector, GraphModule, LossConfig, TrainingError
from detection.losses import Targets, detector_losses
from tests.detection.variants import CLASSES, SIDE, VARIANTS

CONFIG = LossConfig(roi_samples=16)


def losses_of(name: str, config: LossConfig) -> dict[str, Tensor]:
    torch.manual_seed(0)
    detector = Detector(VARIANTS[name], loss_config=config).eval()
    boxes = torch.tensor([[5.0, 5, 60, 50]])
    targets = [{"boxes": boxes, "labels": torch.tensor([CLASSES - 1])}]
    losses = detector.losses(torch.randn(1, 3, SIDE, SIDE), targets)
    return {key: value.detach() for key, value in losses.items()}


def test_later_stages_are_numbered_and_weighted() -> None:
    whole = losses_of("cascade3", replace(CONFIG, cascade_weights=(1.0, 1.0, 1.0, 1.0)))
    weighted = losses_of("cascade3", CONFIG)
    ends = {"": 1.0, "_1": 0.5, "_2": 0.25}
    names = {f"rcnn_{part}{end}" for part in ("class", "box") for end in ends}
    assert weighted.keys() == whole.keys() == {"rpn_class", "rpn_box", *names}
    for name, value in whole.items():
        share = ends.get(name.removeprefix("rcnn_class").removeprefix("rcnn_box"), 1.0)
        torch.testing.assert_close(weighted[name], value * share)


def test_each_stage_has_its_own_iou() -> None:
    """Where only an object's own box is positive, what is left to regress is nothing."""
    strict = losses_of("cascade3", replace(CONFIG, cascade_ious=(0.0, 1.0, 0.0, 0.0)))
    assert float(strict["rcnn_box_1"]) < 1e-3 < float(strict["rcnn_box_2"])


def test_a_single_stage_has_the_rois_iou() -> None:
    loose, strict = (
        float(losses_of("faster_rcnn_2fc", replace(CONFIG, roi_iou=iou))["rcnn_box"])
        for iou in (0.05, 1.0)
    )
    assert strict < 1e-3 < loose


def test_a_cascade_of_more_stages_than_numbers_is_refused() -> None:
    config = replace(CONFIG, cascade_ious=(0.5, 0.6), cascade_weights=(1.0, 0.5))
    with pytest.raises(TrainingError, match=r"4 stages but .* cascade_ious are \(0.5, 0.6\)"):
        losses_of("cascade4", config)


def test_a_graph_without_heads_is_refused() -> None:
    graph = VARIANTS["faster_rcnn_2fc"].graph()
    backbone = GraphModule(graph.subgraph([n.name for n in graph.nodes if n.part == "backbone"]))
    nothing = [Targets(torch.empty(0, 4), torch.empty(0, dtype=torch.int64))]
    image = torch.zeros(1, 3, SIDE, SIDE)
    with pytest.raises(TrainingError, match=r"of shuffle_block, stem_conv; it needs a retinanet"):
        detector_losses(backbone, image, nothing, CONFIG, torch.Generator())
