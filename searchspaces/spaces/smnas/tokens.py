"""Names for the modules of SM-NAS' detectors, made without wiring one.

Whoever counts millions of architectures needs to know only which modules are equal. A name says
what a module's specification depends on, within one space. Names are text, which remembers its
hash. They stand in the order in which the parts append their modules.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from ...parts import STAGES, MobileNetV2Backbone, ResNetBackbone
from ...parts.mobilenet import STAGE_GROUPS
from ...parts.rcnn import POOLED_LEVELS
from .code import DOUBLINGS, BackboneCode
from .structure import (
    BACKBONE_LEVELS,
    BACKBONES,
    BLOCK_OF,
    CASCADES,
    NECKS,
    Pyramid,
    Structure,
)

_CACHE = 65_536  # more than there are structures

Tokens = tuple[str, ...]


@lru_cache(maxsize=_CACHE)
def structure_tokens(backbone: str, neck: str, rpn: str, head: str, size: str) -> Tokens:
    """Name the modules of a structure's detector, in order."""
    family, taken = BLOCK_OF[backbone], Structure(backbone, neck, rpn, head, size).stages_on_image
    stages = [
        tuple(f"{family} {name}" for name in stage) for stage in _stages(BACKBONES[backbone])
    ]
    maps = "bottleneck" if family == "Xbottleneck" else family  # of the same widths
    names = [f"{family} stem {size}"]
    names += [f"{name} {size}" for stage in stages[:taken] for name in stage]
    return (*names, *_tokens_after(maps, stages[-1], neck, rpn, head, size))


def _stages(backbone: ResNetBackbone | MobileNetV2Backbone) -> list[Tokens]:
    """Name the modules of every stage; the blocks after the first of a group are equal."""
    last: Tokens = ()
    if isinstance(backbone, MobileNetV2Backbone):
        groups, depths, last = STAGE_GROUPS, backbone.depths, ("last",)
    else:
        groups, depths = tuple((stage,) for stage in range(BACKBONE_LEVELS)), backbone.depths
    stages = [
        tuple(
            f"{group} {'more' if block else 'first'}"
            for group in stage
            for block in range(depths[group])
        )
        for stage in groups
    ]
    return [*stages[:-1], stages[-1] + last]


def coded_tokens(code: BackboneCode, structure: Structure) -> Tokens:
    """Name the modules of a structure's detector with a coded backbone in it, in order.

    Args:
        code: The backbone.
        structure: With the width of the pyramid that the detector has.
    """
    stem, blocks = _coded_modules(code.block, code.base)
    names, ends, doublings, last = list(stem), "", 0, stem
    taken = structure.stages_on_image
    for stage, group in enumerate(code.groups):
        last = tuple([blocks[place] for place in _block_places(stage, doublings, group)])
        doublings += group.count("2")
        if stage < taken:
            names += last
            ends += str(doublings)
    maps = f"{code.block} {code.base} {ends}"
    on_boxes = last if structure.pyramid is None else ()
    around = structure.neck, structure.rpn, structure.head, structure.size
    return (*names, *_tokens_after(maps, on_boxes, *around))


@lru_cache(maxsize=_CACHE)
def _coded_modules(block: str, base: int) -> tuple[Tokens, Tokens]:
    """Name the two stem convolutions, and every block in the order of :func:`_block_places`."""
    stem = tuple(f"{block} {base} stem {index}" for index in range(2))
    every = product(range(STAGES), ("first", "more"), range(DOUBLINGS + 1), "12")
    return stem, tuple(f"{block} {base} {' '.join(map(str, each))}" for each in every)


@lru_cache(maxsize=_CACHE)
def _block_places(stage: int, doublings: int, group: str) -> tuple[int, ...]:
    """Return where :func:`_coded_modules` names the blocks of a group.

    A block is known by its stage, whether it is the first, the doublings before it and its symbol.
    """
    places = []
    for index, symbol in enumerate(group):
        shared = (stage * 2 + (index > 0)) * (DOUBLINGS + 1) + doublings
        places.append(2 * shared + (symbol == "2"))
        doublings += symbol == "2"
    return tuple(places)


@lru_cache(maxsize=_CACHE)
def _tokens_after(
    maps: str, last_stage: Tokens, neck: str, rpn: str, head: str, size: str
) -> Tokens:
    """Name the modules that follow a backbone, in order.

    Args:
        maps: What the channels of the backbone's maps depend on.
        last_stage: Tokens of the blocks of the backbone's last stage, which a head runs on boxes
            where there is no pyramid.
        neck: Of the structure.
        rpn: Of the structure.
        head: Of the structure.
        size: Of the structure.
    """
    pyramid = NECKS[neck]
    levels = neck if pyramid else f"c4 {maps}"
    names = [f"neck {maps} {neck} {size}"] if pyramid else []
    if rpn != "none":
        cells = f"P{pyramid.first}-P{pyramid.last}" if pyramid else "c4"
        names += [f"{rpn} head {levels} {size}", f"{rpn} proposals {cells} {size}"]
    if head == "retinanet":
        return (*names, f"retinanet {levels} {size}", f"retinanet detections {levels} {size}")
    boxes = f"{rpn} boxes"  # an RPN and a GA-RPN may propose different numbers
    on_boxes = () if pyramid else last_stage
    return (*names, *_box_tokens(boxes, maps, on_boxes, pyramid, head, size))


def _box_tokens(
    boxes: str, maps: str, on_boxes: Tokens, pyramid: Pyramid | None, head: str, size: str
) -> list[str]:
    stages = CASCADES.get(head, 1)
    pooled, width = f"c4 {maps}", f"c4 {maps}"
    if pyramid:
        last = min(pyramid.last, pyramid.first + POOLED_LEVELS - 1)
        pooled, width = f"P{pyramid.first}-P{last}@{pyramid.width}", str(pyramid.width)
    names: list[str] = []
    for stage in range(stages):
        names += [f"refine {stage} {boxes} {size}"] if stage else []
        names.append(f"align {pooled} {boxes} {size}")
        names += [f"{name} {boxes}" for name in on_boxes]
        names.append(f"box head {width} {'agnostic' if stages > 1 else 'specific'} {boxes}")
    names += [f"average {stages} {boxes}"] if stages > 1 else []
    return [*names, f"detections {head} {boxes} {size}"]
