"""Every kind of module that a detector is made of: what it gives and what it costs."""

from __future__ import annotations

from functools import lru_cache

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from . import conv, fpn, guided, masks, mobilenet, nas_fpn, rcnn, resnet, retinanet, rpn, shuffle
from .anchors import anchors_per_cell, anchors_per_level, level_sizes
from .base import Cost, ModuleKind
from .nas_fpn import NAS_FPN_CELLS

__all__ = [
    "KINDS",
    "NAS_FPN_CELLS",
    "Cost",
    "ModuleKind",
    "anchors_per_cell",
    "anchors_per_level",
    "cost_of",
    "level_sizes",
    "outputs_of",
]

KINDS: dict[str, ModuleKind] = {
    **shuffle.KINDS,
    **resnet.KINDS,
    **mobilenet.KINDS,
    **fpn.KINDS,
    **nas_fpn.KINDS,
    **rpn.KINDS,
    **guided.KINDS,
    **rcnn.KINDS,
    **masks.KINDS,
    **retinanet.KINDS,
    **conv.KINDS,
}
_CACHE = 65_536  # distinct modules of a large space; a specification costs about 1 kB


def _kind(spec: ModuleSpec) -> ModuleKind:
    try:
        return KINDS[spec.kind]
    except KeyError:
        raise ModuleSpecError(
            f"unknown module kind {spec.kind!r}; known kinds: {', '.join(sorted(KINDS))}"
        ) from None


@lru_cache(maxsize=_CACHE)
def outputs_of(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the tensors that a module gives, in order.

    Raises:
        ModuleSpecError: The kind is unknown or the specification contradicts it.
    """
    return _kind(spec).outputs(spec)


@lru_cache(maxsize=_CACHE)
def cost_of(spec: ModuleSpec) -> Cost:
    """Count a module over its whole batch.

    Raises:
        ModuleSpecError: The kind is unknown or the specification contradicts it.
    """
    return _kind(spec).cost(spec)
