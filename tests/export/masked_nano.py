"""A space whose detectors have masks, small enough to export in a test."""

from dataclasses import dataclass, replace

import torch

from detection import Detector
from searchspaces import CASCADE_STDS, Architecture, DetectorSpec, DetNasSpace, MaskBranch

NAME = "masked-nano"
CODE = "0123012301"


@dataclass(frozen=True)
class MaskedNano:
    """The nano space with a mask branch: small enough to export in a test."""

    stages: int = 1
    input_hw: tuple[int, int] = (64, 64)
    num_classes: int = 3

    name = NAME

    @property
    def _nano(self) -> DetNasSpace:
        return DetNasSpace("detnas-nano", "fpn", self.input_hw, self.num_classes)

    def decode(self, code: str) -> Architecture:
        return self._nano.decode(code)

    def detector(self, arch: Architecture) -> DetectorSpec:
        spec = self._nano.detector(arch)
        head = replace(
            spec.head,
            mask=MaskBranch(num_convs=1, channels=16),
            max_detections=12,
            class_agnostic=self.stages > 1,
            stage_stds=CASCADE_STDS[: self.stages],
        )
        return replace(spec, head=head, rpn=replace(spec.rpn, pre_nms=100, post_nms=50))


def make_detector(stages: int = 1) -> Detector:
    """An untrained detector that is sure enough of its boxes and masks."""
    space = MaskedNano(stages)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        detector = Detector(space.detector(space.decode(CODE)))
        for name, value in detector.named_parameters():
            if "classes.weight" in name:
                value.copy_(torch.randn_like(value) * 0.3)
            elif "predict.weight" in name:
                value.copy_(torch.randn_like(value))
    return detector.eval()
