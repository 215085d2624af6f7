"""Every planted fault, and those that change nothing."""

from __future__ import annotations

from . import boxes, deployment, network, precision, weights
from .mutation import Equivalent, Mutation

CATALOGUE: tuple[Mutation, ...] = (
    *boxes.CATALOGUE,
    *network.CATALOGUE,
    *weights.CATALOGUE,
    *precision.CATALOGUE,
    *deployment.CATALOGUE,
)
"""The faults that the gate has to catch."""

EQUIVALENT: tuple[Equivalent, ...] = network.EQUIVALENT
"""Changes with a proof that they change nothing; they are not counted."""
