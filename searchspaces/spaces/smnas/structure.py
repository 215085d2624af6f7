"""The structure of an SM-NAS detector: what its five fields may say.

A structure reads ``backbone/neck/rpn/head/WIDTHxHEIGHT``, as in
``resnet50/P2-P5@256/rpn/cascade3/800x600``. Source: SM-NAS (Yao et al., AAAI 2020), stage one;
what the paper leaves out is decided in docs/decisions/0010-smnas-spaces.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import ArchitectureError
from ...parts import STAGES, MobileNetV2Backbone, ResNetBackbone
from .faults import either

BACKBONES: dict[str, ResNetBackbone | MobileNetV2Backbone] = {
    "resnet18": ResNetBackbone("basic", (2, 2, 2, 2)),
    "resnet34": ResNetBackbone("basic", (3, 4, 6, 3)),
    "resnet50": ResNetBackbone("bottleneck", (3, 4, 6, 3)),
    "resnet101": ResNetBackbone("bottleneck", (3, 4, 23, 3)),
    "resnext50": ResNetBackbone("bottleneck", (3, 4, 6, 3), groups=32, group_width=4),
    "resnext101": ResNetBackbone("bottleneck", (3, 4, 23, 3), groups=32, group_width=4),
    "mobilenetv2": MobileNetV2Backbone(),
}
BLOCK_OF = {
    "resnet18": "basicblock",
    "resnet34": "basicblock",
    "resnet50": "bottleneck",
    "resnet101": "bottleneck",
    "resnext50": "Xbottleneck",
    "resnext101": "Xbottleneck",
    "mobilenetv2": "MBblock",
}
"""The block type that stage two of SM-NAS keeps."""

BACKBONE_LEVELS, LEVELS = STAGES, STAGES + 2  # P1..P4 come from the backbone, P5 and P6 from P4
WIDTHS = (128, 256, 512)
NO_PYRAMID = "c4"


@dataclass(frozen=True, slots=True)
class Pyramid:
    """Name a pyramid, as in ``P2-P5@256``; its levels are out of P1 (stride 4) to P6 (stride 128).

    Attributes:
        first: Number of the finest level.
        last: Number of the coarsest level.
        width: Channels of every level.
    """

    first: int
    last: int
    width: int

    def __str__(self) -> str:
        return f"P{self.first}-P{self.last}@{self.width}"


RANGES = tuple(
    (first, last)
    for first in range(1, BACKBONE_LEVELS + 1)
    for last in range(first + 1, LEVELS + 1)
)
NECKS: dict[str, Pyramid | None] = {
    NO_PYRAMID: None,
    **{str(p): p for p in (Pyramid(*levels, width) for levels in RANGES for width in WIDTHS)},
}
"""Neck -> pyramid; ``c4`` has none."""

RPNS = ("none", "rpn", "garpn")
HEADS = ("2fc", "retinanet", "cascade2", "cascade3", "cascade4")
CASCADES = {"cascade2": 2, "cascade3": 3, "cascade4": 4}
SCHEMES = tuple(
    (rpn, head) for rpn in RPNS for head in HEADS if (rpn == "none") == (head == "retinanet")
)
"""The combinations that exist: RetinaNet's head without RPN, any other with one."""

SIZES: dict[str, tuple[int, int]] = {
    "512x512": (512, 512),
    "800x600": (600, 800),
    "1080x720": (720, 1080),
    "1333x800": (800, 1333),
}
"""``WIDTHxHEIGHT`` -> (height, width)."""

EXAMPLE = "resnet50/P2-P5@256/rpn/cascade3/800x600"
_RANGE = re.compile(r"P(0|[1-9][0-9]{0,8})-P(0|[1-9][0-9]{0,8})(?:@(.*))?")


@dataclass(frozen=True, slots=True)
class Structure:
    """Hold the five fields of a structure.

    Attributes:
        backbone: A key of :data:`BACKBONES`.
        neck: A key of :data:`NECKS`.
        rpn: One of :data:`RPNS`.
        head: One of :data:`HEADS`.
        size: A key of :data:`SIZES`.

    Example:
        >>> Structure.parse("resnet18/P2-P5@128/rpn/2fc/512x512").pyramid
        Pyramid(first=2, last=5, width=128)
    """

    backbone: str
    neck: str
    rpn: str
    head: str
    size: str

    @property
    def pyramid(self) -> Pyramid | None:
        """Return the pyramid, if there is one."""
        return NECKS[self.neck]

    @property
    def stages_on_image(self) -> int:
        """Return how many of the backbone's stages run on the image."""
        return min(self.pyramid.last, BACKBONE_LEVELS) if self.pyramid else BACKBONE_LEVELS - 1

    @property
    def stages(self) -> int:
        """Return how many of the backbone's stages run at all: C4 heads run the last on boxes."""
        on_boxes = self.pyramid is None and self.head != "retinanet"
        return self.stages_on_image + on_boxes

    def __str__(self) -> str:
        return "/".join((self.backbone, self.neck, self.rpn, self.head, self.size))

    @classmethod
    def parse(cls, text: str) -> Structure:
        """Read a structure.

        Raises:
            ArchitectureError: A field is unknown or the head does not go with the RPN; the
                message names the field, its value and what is allowed.
        """
        fields = text.split("/")
        if len(fields) != 5:
            raise ArchitectureError(
                f"{text!r} has {len(fields)} fields instead of 5; write "
                f"BACKBONE/NECK/RPN/HEAD/WIDTHxHEIGHT as in {EXAMPLE!r}"
            )
        structure = cls(*fields)
        problem = structure._problem()
        if problem:
            raise ArchitectureError(f"{text!r}: {problem}")
        return structure

    def _problem(self) -> str | None:
        """Say what is wrong and what would be valid."""
        for name, value, allowed in (
            ("backbone", self.backbone, BACKBONES),
            ("rpn", self.rpn, RPNS),
            ("head", self.head, HEADS),
            ("size (WIDTHxHEIGHT)", self.size, SIZES),
        ):
            if value not in allowed:
                return f"{name} {value!r} is not {either(tuple(allowed))}"
        if self.neck not in NECKS:
            return _neck_problem(self.neck)
        if (self.rpn, self.head) in SCHEMES:
            return None
        if self.head == "retinanet":
            return (
                f"head 'retinanet' is one-stage and takes no RPN, got rpn {self.rpn!r}; write "
                f"none/retinanet, or {self.rpn}/ with {either(('2fc', *CASCADES))}"
            )
        return (
            f"head {self.head!r} is two-stage and needs proposals, got rpn 'none'; write "
            f"rpn/{self.head}, garpn/{self.head} or none/retinanet"
        )


def _neck_problem(neck: str) -> str:
    match = _RANGE.fullmatch(neck)
    if not match:
        return f"neck {neck!r} is neither c4 nor a range of levels with a width such as P2-P5@256"
    first, last, width = int(match[1]), int(match[2]), match[3]
    low, high = sorted((first, last))
    near = min(RANGES, key=lambda levels: abs(levels[0] - low) + abs(levels[1] - high))
    fixed = Pyramid(*near, int(width) if width in map(str, WIDTHS) else 256)
    if not 1 <= low <= high <= LEVELS:
        outside = low if low < 1 else high
        reason = f"there is no P{outside}: levels are P1 (stride 4) to P6 (stride 128)"
    elif first > last:
        reason = f"P{first} is coarser than P{last}, and the finest level stands first"
    elif first == last:
        reason = "a pyramid has at least two levels"
    elif first > BACKBONE_LEVELS:
        reason = "P5 and P6 are made from P4, so a pyramid begins at P1, P2, P3 or P4"
    else:
        reason = f"the width after '@' must be {either(WIDTHS)}, got {width or ''!r}"
    return f"neck {neck!r}: {reason}; {fixed} would be valid"
