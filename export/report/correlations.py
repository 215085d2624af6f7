"""How factors of an architecture go with what was found (SM-NAS, figure 5), as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search import describe_correlations
from searchspaces import SPACES

from .markup import details, note, table

if TYPE_CHECKING:
    from search import SearchResult


@dataclass(frozen=True, slots=True)
class CorrelationTable:
    """Hold the rank correlations of every factor with one objective.

    Attributes:
        objective: Its name.
        rows: Factor, Spearman's rho over all that was evaluated with its interval, and on the
            front with its interval; texts.
    """

    objective: str
    rows: tuple[tuple[str, str, str, str, str], ...]


def correlation_tables(result: SearchResult) -> tuple[CorrelationTable, ...]:
    """Return a table per objective; nothing where too few were evaluated, or factors are unknown.

    Factors that never changed are left out.
    """
    if result.config.space not in SPACES:
        return ()
    found = describe_correlations(result)
    tables = []
    for goal in result.objectives:
        sides = [
            {each["factor"]: each for each in found[which] if each["objective"] == goal.name}
            for which in ("evaluated", "front")
        ]
        told = [name for name, each in sides[0].items() if each["spearman"] is not None]
        rows = [(name, *_cells(sides[0].get(name)), *_cells(sides[1].get(name))) for name in told]
        if rows:
            tables.append(CorrelationTable(goal.name, tuple(rows)))
    return tuple(tables)


def correlations_html(tables: Sequence[CorrelationTable]) -> str:
    """Return the tables, each opened by a click."""
    if not tables:
        return ""
    heads = ("factor", "rho, evaluated", "95 %", "rho, front", "95 % on the front")
    text = (
        "Spearman's rank correlation of every factor of the architectures with every objective, "
        "over all that was evaluated and on the front. A search evaluates what it finds "
        "promising: this describes what was evaluated, not the space."
    )
    parts = [
        details(f"With {each.objective}", table(f"Rho with {each.objective}", heads, each.rows))
        for each in tables
    ]
    return "\n".join((note(text), *parts))


def _cells(found: dict[str, Any] | None) -> tuple[str, str]:
    if found is None or found["spearman"] is None:
        return "-", "-"
    bounds = found["spearman_interval"]
    interval = "-" if bounds is None else f"{bounds[0]:+.2f} to {bounds[1]:+.2f}"
    return f"{found['spearman']:+.2f}", interval
