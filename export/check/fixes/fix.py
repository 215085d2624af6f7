"""A fix: what it repairs, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from ..versions import Target

Apply = Callable[[onnx.ModelProto, Target], int]


@dataclass(frozen=True, slots=True)
class Fix:
    """Hold one fix.

    Attributes:
        name: Short name, unique.
        summary: What it does, in one sentence.
        rules: Ids of the rules whose findings it may repair.
        apply: Changes a model in place for a target and returns the number of places changed.
        tolerance: Relative difference of outputs that it may cause: 0 means the same bits.
    """

    name: str
    summary: str
    rules: tuple[str, ...]
    apply: Apply
    tolerance: float = 0.0
