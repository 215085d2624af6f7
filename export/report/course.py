"""How a search went: what each evaluation added, and what the front's members look like."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from search import Objective, hypervolume
from searchspaces import draw_architectures

from .chart_layout import Figure, chart_layout
from .markup import details, note

if TYPE_CHECKING:
    from search import SearchResult
    from searchspaces import DetectorSpec

MOST_SKETCHES = 6
"""Members of the front that are drawn, evenly spread over it."""


@dataclass(frozen=True, slots=True)
class Course:
    """Hold how a search went.

    Attributes:
        volumes: Hypervolume after each evaluation, as a share of the last.
        reference: Milliseconds and accuracy that the hypervolume is bounded by: the worst of all
            that was evaluated.
        sketch: Some members of the front side by side, SVG; empty where they cannot be drawn.
        drawn: Their codes.
        warning: Why the order of the evaluator is not to be trusted; ``None`` if nothing says so.
        order: How the evaluator ranks what was trained by itself, or that nobody looked; ``None``
            for evaluators that are not compared with trainings.
    """

    volumes: tuple[float, ...]
    reference: tuple[float, float]
    sketch: str = ""
    drawn: tuple[str, ...] = ()
    warning: str | None = None
    order: str | None = None


def course_of(
    rows: Sequence[tuple[float, float]],
    members: Sequence[tuple[str, DetectorSpec]],
    warning: str | None,
    order: str | None = None,
) -> Course | None:
    """Return the course of a search; ``None`` where fewer than two were evaluated.

    Args:
        rows: Milliseconds and accuracy of each evaluation, in the order of results.
        members: Code and detector of the front's members, fastest first.
        warning: Why its order is not to be trusted.
        order: What is known of its order.
    """
    if len(rows) < 2:
        return None
    goals = (Objective("ms", "min"), Objective("accuracy", "max"))
    points = np.asarray(rows, np.float64)
    reference = (float(points[:, 0].max()), float(points[:, 1].min()))
    volumes = [hypervolume(points[: n + 1], goals, reference) for n in range(len(points))]
    last = volumes[-1] or 1.0
    chosen = _spread(members, MOST_SKETCHES)
    return Course(
        volumes=tuple(volume / last for volume in volumes),
        reference=reference,
        sketch=draw_architectures(chosen) if chosen else "",
        drawn=tuple(code for code, _ in chosen),
        warning=warning,
        order=order,
    )


def order_of_results(result: SearchResult, columns: Sequence[int]) -> list[tuple[float, float]]:
    """Return two values of each evaluation with a result, in the order of the results."""
    done = [evaluation for evaluation in result.candidates if evaluation.status == "ok"]
    done.sort(key=lambda evaluation: (evaluation.finished_order or 0, evaluation.index))
    first, second = columns
    return [(e.values[first], e.values[second]) for e in done]


def volume_figure(course: Course) -> Figure:
    """Draw the hypervolume against the number of evaluations."""
    counts = list(range(1, len(course.volumes) + 1))
    trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "hypervolume",
        "x": counts,
        "y": list(course.volumes),
        "line": {"color": "@series1", "width": 2, "shape": "hv"},
        "hovertemplate": "%{x} evaluations: %{y:.3f}<extra></extra>",
    }
    layout = chart_layout("evaluations", "hypervolume, share of the last", height=320)
    layout["showlegend"] = False
    return {"data": [trace], "layout": layout}


def course_html(course: Course | None, chart: str) -> str:
    """Return how the search went; nothing without a course."""
    if course is None:
        return ""
    ms, accuracy = course.reference
    whole = len(course.volumes)  # where nothing was better than the worst, no share is reached
    reached = next((n for n, share in enumerate(course.volumes, 1) if share >= 0.99), whole)
    text = (
        f"{reached} of {len(course.volumes)} evaluations had 99 % of the final hypervolume, "
        f"bounded by {ms:.3f} ms and {accuracy:.2f}."
    )
    head = "".join(map(note, _order_notes(course)))
    if not course.sketch:
        return head + note(text) + chart
    alt = escape("Sketches of " + ", ".join(course.drawn))
    data = base64.b64encode(course.sketch.encode()).decode()
    drawing = (
        f'<div class="scroll" role="region" aria-label="{alt}" tabindex="0">'
        f'<img class="drawn" alt="{alt}" src="data:image/svg+xml;base64,{data}"></div>'
    )
    return head + note(text) + chart + details("Members of the front, drawn", drawing)


def _order_notes(course: Course) -> list[str]:
    """Return what is to be said of the evaluator's order, once."""
    warning, order = course.warning or "", course.order or ""
    notes = [f"Warning: {warning}"] if warning else []
    if order and order not in warning:
        notes.append(f"{order[0].upper()}{order[1:]}.")
    return notes


def _spread(
    members: Sequence[tuple[str, DetectorSpec]], most: int
) -> tuple[tuple[str, DetectorSpec], ...]:
    """Return some members, the first and the last among them."""
    if len(members) <= most:
        return tuple(members)
    places = np.unique(np.linspace(0, len(members) - 1, most).round().astype(int))
    return tuple(members[place] for place in places.tolist())
