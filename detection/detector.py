"""A whole detector: detects, and gives its training losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchspaces import IMAGE, DetectorSpec

from .errors import TrainingError
from .graph_module import GraphModule
from .losses import LossConfig, detector_losses
from .losses.targets import read_targets


class Detector(GraphModule):
    """Run and train the detector that a specification declares.

    Called with images ``(b, 3, h, w)``, normalised, it gives boxes ``(b, d, 4)`` as x1, y1, x2,
    y2 in input pixels, scores ``(b, d)`` in falling order, zero-based labels ``(b, d)`` and
    counts ``(b,)``; rows from the count on are zero. Any batch size works. Weights are drawn
    from torch's global generator.

    Args:
        spec: What is built.
        modules: Modules by node name that are shared instead of built, such as a supernet's.
        loss_config: Numbers of the losses; by default the papers', fitted to the proposals.

    Attributes:
        spec: As given.
        loss_config: In use.
    """

    def __init__(
        self,
        spec: DetectorSpec,
        modules: Mapping[str, nn.Module] | None = None,
        loss_config: LossConfig | None = None,
    ) -> None:
        super().__init__(spec.graph(), modules)
        self.spec = spec
        self.loss_config = loss_config or self._fitting_losses()

    def losses(
        self,
        images: Tensor,
        targets: Sequence[Mapping[str, Any]],
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return scalar losses by name; their sum is what is minimised.

        Args:
            images: ``(b, 3, h, w)``, normalised.
            targets: Of every image, ``boxes`` ``(n, 4)`` in input pixels and zero-based
                ``labels`` ``(n,)``; an image may have none.
            generator: Draws the anchors and boxes that are trained on; on the CPU. By default a
                new one with seed 0, so that equal arguments give equal losses.

        Raises:
            TrainingError: Images or targets do not fit the detector.
        """
        height, width = self.spec.input_hw
        if images.ndim != 4 or tuple(images.shape[2:]) != (height, width):
            raise TrainingError(
                f"images must be (b, 3, {height}, {width}), got {tuple(images.shape)}"
            )
        if generator is None:
            generator = torch.Generator().manual_seed(0)
        objects = read_targets(targets, images, self.spec.num_classes)
        return detector_losses(self, images, objects, self.loss_config, generator)

    def update_statistics(self, images: Tensor) -> None:
        """Run what normalisation layers see in detection: all but box selection's last step.

        Padded proposals are left out. Call it in training mode and without gradients to collect
        statistics of ``(b, 3, h, w)`` images; see :func:`detection.recalibrate_bn`.
        """
        kinds = {node.spec.kind: node for node in self.graph.nodes}
        if "roi_align" not in kinds:
            self.run({IMAGE: images}, self.graph.nodes[-1].inputs)
            return
        pooling, head = kinds["roi_align"], kinds["box_head"]
        boxes, count = kinds["rcnn_detections"].inputs[2:]
        rows, proposals, valid = self.run({IMAGE: images}, (pooling.name, boxes, count))
        present = torch.arange(proposals.shape[1], device=valid.device) < valid.unsqueeze(-1)
        self.run({pooling.name: rows[present.flatten()]}, (head.name,))

    def _fitting_losses(self) -> LossConfig:
        sizes = [
            node.spec.get_int("post_nms")
            for node in self.graph.nodes
            if node.spec.kind == "proposals"
        ]
        return LossConfig().for_proposals(sizes[0]) if sizes else LossConfig()
