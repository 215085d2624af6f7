"""Every planted fault, and those that change nothing."""

from __future__ import annotations

from . import boxes, deployment, network, weights
from .mutation import Mutation

CATALOGUE: tuple[Mutation, ...] = (
    *boxes.CATALOGUE,
    *network.CATALOGUE,
    *weights.CATALOGUE,
    *deployment.CATALOGUE,
)
"""The faults that the gate has to catch."""
