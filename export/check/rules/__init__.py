"""The rules by id: four layers, one file per group."""

from __future__ import annotations

from ..rule import LAYERS, Rule
from . import (
    arithmetic,
    control_flow,
    half,
    half_constants,
    interface,
    layers,
    operands,
    operators,
    opset,
    plugins,
    selection,
    spatial,
)

RULES: dict[str, Rule] = {
    **operators.RULES,
    **operands.RULES,
    **selection.RULES,
    **spatial.RULES,
    **arithmetic.RULES,
    **layers.RULES,
    **control_flow.RULES,
    **interface.RULES,
    **opset.RULES,
    **plugins.RULES,
    **half_constants.RULES,
    **half.RULES,
}

__all__ = ["LAYERS", "RULES", "Rule"]
