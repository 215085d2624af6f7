"""How a report shows the zoo beside a run: at equal milliseconds, the accuracies apart."""

from __future__ import annotations

from collections.abc import Sequence

from .baselines import Baseline, Baselines
from .chart_layout import Figure, chart_layout, mark_limit, plain
from .markup import details, note, points, table

SHOWN = 8
"""Models nearest to the budget that are shown at once; the others open by a click."""


def baselines_html(baselines: Baselines | None, chart: str) -> str:
    """Return the comparison at equal latency; nothing for a run without a predictor."""
    if baselines is None:
        return ""
    left_out = "".join(f" {count} were left out: {why}." for why, count in baselines.refused)
    if not baselines.rows:
        return note(f"No published model could be predicted.{left_out}")
    near = nearest(baselines)
    parts = [note(_headline(baselines) + left_out), note(_caution(baselines)), chart]
    parts.append(_table("Published models at equal latency", near, baselines, show=True))
    if len(near) < len(baselines.rows):
        whole = _table("All published models", baselines.rows, baselines)
        parts.append(details(f"All {len(baselines.rows)} that were predicted", whole))
    return "\n".join(parts)


def baselines_figure(baselines: Baselines) -> Figure | None:
    """Draw published AP against predicted latency; ``None`` where none of the models has one."""
    rows = [row for row in baselines.rows if row.published_ap is not None]
    if not rows:
        return None
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "name": "published models",
        "x": [row.ms for row in rows],
        "y": [row.published_ap for row in rows],
        "text": [plain(row.name) for row in rows],
        "textposition": "top center",
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [row.interval[1] - row.ms for row in rows],
            "arrayminus": [row.ms - row.interval[0] for row in rows],
            "color": "@muted",
            "thickness": 1,
            "width": 3,
        },
        "marker": {"color": "@series2", "size": 9},
        "hovertemplate": "%{text}<br>%{x:.3f} ms<br>%{y:.1f} as published<extra></extra>",
    }
    layout = chart_layout("predicted latency (ms)", "COCO AP as published", height=380)
    layout["showlegend"] = False
    if baselines.budget_ms is not None:
        mark_limit(layout, baselines.budget_ms, f"{baselines.budget_ms:.4g} ms")
    return {"data": [trace], "layout": layout}


def nearest(baselines: Baselines) -> tuple[Baseline, ...]:
    """Return some models about the budget, fastest first; without a budget the fastest."""
    aim = baselines.budget_ms or baselines.rows[0].ms
    closest = sorted(baselines.rows, key=lambda row: max(row.ms, aim) / min(row.ms, aim))[:SHOWN]
    return tuple(sorted(closest, key=lambda row: row.ms))


def best_published(baselines: Baselines) -> Baseline | None:
    """Return the published model of the highest AP that keeps the budget."""
    limit = baselines.budget_ms
    kept = [row for row in baselines.rows if limit is None or row.ms <= limit]
    known = [row for row in kept if row.published_ap is not None]
    return max(known, key=lambda row: (row.published_ap or 0.0, -row.ms), default=None)


def _headline(baselines: Baselines) -> str:
    best, chosen = best_published(baselines), baselines.chosen
    limit = "" if baselines.budget_ms is None else f" within {baselines.budget_ms:.4g} ms"
    if best is None:
        first = f"No published model with a known AP is predicted{limit or ' at all'}."
    else:
        first = (
            f"The best published model{limit} is {best.name} at {best.size}: predicted "
            f"{best.ms:.3f} ms, {points(best.published_ap)} {_PUBLISHED}."
        )
    if chosen is None:
        return first
    return (
        f"{first} This run's choice is {chosen.label}: predicted {chosen.cost:.3f} ms, "
        f"{baselines.accuracy_name} {chosen.accuracy:.2f} by its own evaluation."
    )


_PUBLISHED = "COCO AP as its paper prints"


def _caution(baselines: Baselines) -> str:
    return (
        "All milliseconds come from the predictor of this search and compare. The accuracies do "
        "not: published COCO AP is of models trained and tested on COCO, and only given where "
        f"input and classes are the published ones; {baselines.accuracy_name} is what this run's "
        f"evaluator ({baselines.evaluator}) told on the run's own data."
    )


def _table(
    caption: str, rows: Sequence[Baseline], baselines: Baselines, *, show: bool = False
) -> str:
    cells = [
        (
            row.name,
            f"{row.size}, {row.classes} classes",
            f"{row.ms:.3f}",
            f"{row.interval[0]:.3f} to {row.interval[1]:.3f}",
            points(row.published_ap),
            row.source or "-",
            "-" if row.ours is None else row.ours.label,
            "-" if row.ours is None else f"{row.ours.cost:.3f}",
            "-" if row.ours is None else f"{row.ours.accuracy:.2f}",
        )
        for row in rows
    ]
    heads = (
        "published model",
        "input",
        "predicted ms",
        "90 % interval",
        "COCO AP, published",
        "source",
        "this run's best, no slower",
        "its predicted ms",
        f"its {baselines.accuracy_name}, this run",
    )
    return table(caption, heads, cells, wrap=(5, 6), show=show)
