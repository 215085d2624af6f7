"""What is known of a foreign detector of fixed input size: sizes, levels, anchors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from searchspaces import MASKS, OUTPUTS

from ..errors import BuildError


@dataclass(frozen=True, slots=True)
class ForeignSpec:
    """Describe a detector that is not of our spaces.

    Attributes:
        input_hw: Height and width of its input, in pixels.
        num_classes: Labels that it may give, from 0 on; torchvision counts its background, too.
        masks: Whether it gives masks.
    """

    input_hw: tuple[int, int]
    num_classes: int
    masks: bool = False

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of its outputs, in order."""
        return (*OUTPUTS, MASKS) if self.masks else OUTPUTS


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Hold what an input size fixes.

    Attributes:
        input_hw: Height and width of the input, in pixels.
        levels: Name of each feature map -> its height and width.
        anchors: ``(a, 4)`` level after level: row, column, then cell anchor.
        per_level: Anchors of each level.
    """

    input_hw: tuple[int, int]
    levels: Mapping[str, tuple[int, int]]
    anchors: Tensor
    per_level: tuple[int, ...]

    @property
    def limits(self) -> Tensor:
        """Return the largest x1, y1, x2, y2 inside the image, ``(4,)``."""
        height, width = self.input_hw
        return torch.tensor([width, height, width, height], dtype=torch.float32)

    @property
    def apart(self) -> float:
        """Return more than the longest side of the image, in pixels."""
        return max(self.input_hw) + 1.0

    def scales(self, names: list[str]) -> list[float]:
        """Return the scales of some levels, as torchvision's poolers round them."""
        sides = [self.levels[name][0] / self.input_hw[0] for name in names]
        return [2.0 ** round(float(torch.tensor(side).log2())) for side in sides]


def lay_out(backbone: nn.Module, anchors: AnchorGenerator, input_hw: tuple[int, int]) -> Layout:
    """Run a backbone once, on zeros, to see what an input size fixes.

    Args:
        backbone: In evaluation mode; gives a map or several by name.
        anchors: Makes a detector's anchors.
        input_hw: Height and width of the input, in pixels.

    Raises:
        BuildError: The backbone does not run on such an input.
    """
    image = torch.zeros(1, 3, *input_hw)
    try:
        with torch.no_grad():
            maps = features_of(backbone, image)
    except RuntimeError as error:
        raise BuildError(
            f"the backbone does not run on an input of {input_hw}: {error}"
        ) from error
    made = anchors(ImageList(image, [input_hw]), list(maps.values()))[0]
    sizes = {name: (int(x.shape[2]), int(x.shape[3])) for name, x in maps.items()}
    cells = zip(sizes.values(), anchors.num_anchors_per_location(), strict=True)
    per_level = tuple(height * width * each for (height, width), each in cells)
    return Layout(input_hw, sizes, made.float(), per_level)


def features_of(backbone: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return a backbone's maps by name, as torchvision's detectors read them."""
    found = backbone(images)
    return {"0": found} if isinstance(found, Tensor) else dict(found)
