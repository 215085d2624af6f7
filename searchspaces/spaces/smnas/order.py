"""Which of two structures is nowhere deeper or wider than the other.

Source: Partial Order Pruning (Li et al., CVPR 2019), which SM-NAS (Yao et al., AAAI 2020) searches
with. What differs in another way than depth or width does not compare: block types, levels of the
pyramid, kinds of RPN, input sizes. Coded backbones: :func:`.code.is_deeper_or_wider`.
"""

from __future__ import annotations

from .structure import BACKBONES, BLOCK_OF, CASCADES, NECKS, Structure


def structure_precedes(a: Structure, b: Structure) -> bool:
    """Return whether structure ``a`` is nowhere deeper or wider than ``b``.

    Backbones of one block type compare by their depths, pyramids of the same levels by their
    width, heads behind an RPN by their number of stages; everything else has to be the same.

    Example:
        >>> small = Structure.parse("resnet50/P2-P5@128/rpn/2fc/800x600")
        >>> structure_precedes(small, Structure.parse("resnet101/P2-P5@256/rpn/cascade2/800x600"))
        True
        >>> structure_precedes(small, Structure.parse("resnet101/P2-P6@256/rpn/2fc/800x600"))
        False
    """
    return (
        (a.rpn, a.size) == (b.rpn, b.size)
        and _shallower(a.backbone, b.backbone)
        and _narrower(a.neck, b.neck)
        and _fewer_stages(a.head, b.head)
    )


def _shallower(a: str, b: str) -> bool:
    if BLOCK_OF[a] != BLOCK_OF[b]:
        return False
    depths = zip(BACKBONES[a].depths, BACKBONES[b].depths, strict=True)
    return all(x <= y for x, y in depths)


def _narrower(a: str, b: str) -> bool:
    mine, other = NECKS[a], NECKS[b]
    if mine is None or other is None:
        return mine is other
    return (mine.first, mine.last) == (other.first, other.last) and mine.width <= other.width


def _fewer_stages(a: str, b: str) -> bool:
    if "retinanet" in (a, b):
        return a == b
    return CASCADES.get(a, 1) <= CASCADES.get(b, 1)
