"""Every planted fault, and those that change nothing."""

from __future__ import annotations

from . import (
    anchors,
    arithmetic,
    boxes,
    classes,
    files,
    layers,
    mapping,
    outputs,
    pooling,
    precision,
    preprocessing,
    pyramid,
    selection,
    weights,
)
from .mutation import Equivalent, Mutation

CATALOGUE: tuple[Mutation, ...] = (
    *anchors.CATALOGUE,
    *boxes.CATALOGUE,
    *classes.CATALOGUE,
    *selection.CATALOGUE,
    *pooling.CATALOGUE,
    *pyramid.CATALOGUE,
    *layers.CATALOGUE,
    *arithmetic.CATALOGUE,
    *weights.CATALOGUE,
    *precision.CATALOGUE,
    *preprocessing.CATALOGUE,
    *mapping.CATALOGUE,
    *outputs.CATALOGUE,
    *files.CATALOGUE,
)
"""The faults that the gate has to catch."""

EQUIVALENT: tuple[Equivalent, ...] = (*pyramid.EQUIVALENT, *pooling.EQUIVALENT)
"""Changes with a proof that they change nothing of these specimens; they are not counted."""
