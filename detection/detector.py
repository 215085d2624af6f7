"""A whole detector: detects, and gives its training losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchspaces import IMAGE, DetectorSpec, reference

from .errors import TrainingError
from .graph_module import GraphModule
from .losses import LossConfig, detector_losses
from .losses.targets import read_targets
from .stages import box_stages

GUIDED_PROPOSALS = "guided_proposals"
PROPOSALS = ("proposals", GUIDED_PROPOSALS)


class Detector(GraphModule):
    """Run and train the detector that a specification declares.

    Called with images ``(b, 3, h, w)``, normalised, it gives boxes ``(b, d, 4)`` as x1, y1, x2,
    y2 in input pixels, scores ``(b, d)`` in falling order, zero-based labels ``(b, d)`` and
    counts ``(b,)``; rows from the count on are zero. A mask branch gives masks ``(b, d, m, m)``
    beside: probabilities inside each box, which mean nothing from the count on. Any batch size
    works. Weights are drawn from torch's global generator.

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
            targets: Of every image, ``boxes`` ``(n, 4)`` in input pixels, inside of the image,
                and zero-based ``labels`` ``(n,)``, and ``masks`` ``(n, h, w)`` of the input's
                size if the detector has a mask branch; an image may have no objects.
            generator: Draws the anchors and boxes that are trained on; on the CPU. By default a
                new one with seed 0, so that equal arguments give equal losses.

        Raises:
            TrainingError: Images or targets do not fit the detector.
        """
        height, width = self.spec.input_hw
        if images.ndim != 4 or not len(images) or images.shape[1:] != (3, height, width):
            raise TrainingError(
                f"images must be (b, 3, {height}, {width}), b at least 1, got "
                f"{tuple(images.shape)}"
            )
        if generator is None:
            generator = torch.Generator().manual_seed(0)
        objects = read_targets(targets, images, self.spec.num_classes)
        return detector_losses(self, images, objects, self.loss_config, generator)

    def update_statistics(self, images: Tensor) -> None:
        """Run what normalisation layers see in detection: all but the last step of selection.

        Padded proposals and detections are left out. Call it in training mode and without
        gradients to collect statistics of ``(b, 3, h, w)`` images; see
        :func:`detection.recalibrate_bn`.
        """
        stages = box_stages(self.graph)
        if not stages:
            self.run({IMAGE: images}, self.graph.nodes[-1].inputs)
            return
        detections = stages[-1].decoder
        count, found = detections.inputs[-1], reference(detections.name, 3)
        known = self._known({IMAGE: images}, (*stages[0].levels, stages[0].boxes, count))
        for stage in stages:
            known |= self._run_present(known, stage.pooling.name, known[count], stage.predictions)
            if stage.refines:
                known |= self._known(known, (stage.decoder.name,))
        masks = [stage.mask for stage in stages if stage.mask is not None]
        if masks:
            known |= self._known(known, (detections.name, found))
            heads = tuple(node.name for node in masks)
            self._run_present(known, masks[0].inputs[0], known[found], heads)

    def _known(self, known: Mapping[str, Tensor], refs: tuple[str, ...]) -> dict[str, Tensor]:
        return dict(zip(refs, self.run(known, refs), strict=True))

    def _run_present(
        self, known: Mapping[str, Tensor], pooling: str, count: Tensor, refs: tuple[str, ...]
    ) -> dict[str, Tensor]:
        """Pool boxes, run what follows on the first ``count`` rows of each image alone.

        Returns:
            References and their tensors, with zeros on the rows that were left out.
        """
        (rows,) = self.run(known, (pooling,))
        row = torch.arange(len(rows) // len(count), device=rows.device)
        present = (row < count.unsqueeze(-1)).flatten()
        made = {ref: rows.new_zeros(len(rows), *self.graph.tensors[ref].shape[1:]) for ref in refs}
        if bool(present.any()):
            for ref, values in self._known({pooling: rows[present]}, refs).items():
                made[ref][present] = values
        return made

    def _fitting_losses(self) -> LossConfig:
        losses = LossConfig()
        for node in self.graph.nodes:
            if node.spec.kind == GUIDED_PROPOSALS:
                losses = losses.behind_guided_anchors()
            if node.spec.kind in PROPOSALS:
                losses = losses.for_proposals(node.spec.get_int("post_nms"))
        return losses
