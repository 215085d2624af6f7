"""What `detfit front` shows of one run or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..choosing.picking import describe_picks, parse_picks, pick_levels
from ..errors import RunError
from ..running.result import SearchResult, load_result
from .correlation import FEWEST, describe_correlations
from .describe import describe_result
from .joint_front import describe_joint

Fields = dict[str, Any]


def view_front(
    runs: Sequence[str | Path],
    *,
    budget_ms: float | None = None,
    pick: str | None = None,
    correlate: bool = False,
) -> tuple[Fields, Any]:
    """Describe the front of a run, or the joint one of several.

    Args:
        runs: Folders of runs, finished or not.
        budget_ms: Keeps only what is predicted to run within it.
        pick: ``C0..C5`` or ``6``: picks members of the front by levels of cost; of one run.
        correlate: Adds the correlations of the architectures' factors; of one run.

    Returns:
        All of it, and what people see.

    Raises:
        RunError: A folder holds no run, runs do not compare, or something is asked of several
            that is told of one.
        FrontError: The front holds fewer than are to be picked.
    """
    results = [load_result(run) for run in runs]
    if len(results) != 1:
        if pick is not None or correlate:
            raise RunError(
                f"picks and correlations are told of one run, got {len(results)}; leave --pick "
                "and --correlations out for a joint front"
            )
        fields = describe_joint(results, budget_ms)
        return fields, _joint_view(fields)
    result = results[0]
    if pick is not None and budget_ms is not None:
        raise RunError(
            "picks span the whole front, from the fastest to the slowest; leave --budget-ms out"
        )
    fields = describe_result(result, budget_ms)
    views: list[Fields] = []
    if pick is not None:
        fields["picks"] = describe_picks(result, pick_levels(result, parse_picks(pick)))
        views.append({"run": fields["run"], "picks": fields["picks"]})
    if correlate:
        fields["correlations"] = describe_correlations(result)
        views.append(_correlation_view(result, fields["correlations"]))
    merged: Fields = {name: value for view in views for name, value in view.items()}
    return fields, merged or fields


def _joint_view(fields: Fields) -> Fields:
    """Return the joint front whole, and of the front of every structure only the length."""
    rows = [{**row, "front": len(row["front"])} for row in fields["by_structure"]]
    return {**fields, "by_structure": rows}


def _correlation_view(result: SearchResult, found: Fields) -> Fields:
    """Return a table per objective: Spearman's rho with its interval, over all and the front."""
    if not found["evaluated"]:
        return {"correlations": f"none: fewer than {FEWEST} architectures were evaluated"}
    tables = {}
    for objective in result.objectives:
        rows: dict[str, Fields] = {}
        for which, each in ((w, e) for w in ("evaluated", "front") for e in found[w]):
            if each["objective"] == objective.name and each["spearman"] is not None:
                row = rows.setdefault(each["factor"], {"factor": each["factor"]})
                row[f"{which} {each['n']}"] = each["spearman"]
                row[f"{which}, 95 %"] = _interval(each["spearman_interval"])
        tables[f"Spearman's rho with {objective.name}"] = list(rows.values())
    return {"correlations": tables}


def _interval(bounds: Sequence[float] | None) -> str:
    return "-" if bounds is None else f"{bounds[0]:.2f} to {bounds[1]:.2f}"
