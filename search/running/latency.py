"""The latencies of a run: under which budget, and whether anything was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..objectives.latency import LATENCY
from .result import SearchResult


def run_budget_ms(result: SearchResult) -> float | None:
    """Return the latency budget that a run was given."""
    return result.config.uppers.get(LATENCY)


def simulation_of(result: SearchResult) -> Mapping[str, Any] | None:
    """Return what a run's latencies were simulated with; ``None`` where they were measured."""
    found: Mapping[str, Any] | None = result.config.context.get("simulated")
    return found
