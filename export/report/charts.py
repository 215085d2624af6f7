"""The report's charts as plotly figures in plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..records.accuracy import AccuracyRow
from ..records.latency import ModuleShare
from ..records.times import ModuleGap
from .chart_layout import Figure, chart_layout, mark_limit, names_axis, plain
from .data import AgreementMark, Front, FrontMark

BAND = 0.05
"""Half width of the band around the identity, relative."""

PART_COLOURS = {
    "backbone": "@series1",
    "neck": "@series2",
    "rpn": "@series3",
    "head": "@series4",
    "other": "@muted",
}
GROUP_COLOURS = ("@series1", "@series4", "@series2", "@series3")
_BAR_PX = 17


def front_figure(front: Front) -> Figure:
    """Draw cost against accuracy: the front with intervals, what it dominates, the budgets."""
    dominated = [mark for mark in front.marks if mark.dominated and not mark.chosen]
    best = sorted((mark for mark in front.marks if not mark.dominated), key=lambda m: m.cost)
    chosen = [mark for mark in front.marks if mark.chosen]
    traces = [
        _marks("dominated", dominated, {"color": "@muted", "size": 7, "opacity": 0.6}, "markers"),
        _marks("front", best, {"color": "@series1", "size": 9}, "lines+markers"),
        _marks(
            "chosen",
            chosen,
            {"color": "@series4", "size": 16, "symbol": "star"},
            "markers",
        ),
    ]
    layout = chart_layout(
        plain(front.cost_title), f"{plain(front.accuracy_name)} (0..100)", height=420
    )
    own = () if front.budget_ms is None else (front.budget_ms,)
    for budget in dict.fromkeys((*own, *front.budgets)):
        mark_limit(layout, budget, f"budget {budget:.4g} {plain(front.cost_unit)}".rstrip())
    return {"data": [trace for trace in traces if trace["x"]], "layout": layout}


def breakdown_figure(shares: Sequence[ModuleShare]) -> Figure:
    """Draw the predicted time of every module, in running order, coloured by part."""
    parts = list(dict.fromkeys(share.part for share in shares))
    traces = []
    for part in parts:
        mine = [share for share in shares if share.part == part]
        total = sum(share.ms for share in mine)
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": f"{plain(part)} {total:.2f} ms",
                "y": [plain(share.name) for share in mine],
                "x": [share.ms for share in mine],
                "marker": {"color": PART_COLOURS.get(part, "@muted")},
                "hovertemplate": "%{y}: %{x:.3f} ms<extra></extra>",
            }
        )
    layout = chart_layout("predicted time (ms)", "", height=150 + _BAR_PX * len(shares))
    layout["barmode"] = "overlay"
    layout["bargap"] = 0.25
    layout["yaxis"] |= names_axis([plain(share.name) for share in shares])
    return {"data": traces, "layout": layout}


def comparison_figure(modules: Sequence[ModuleGap]) -> Figure:
    """Draw predicted and measured time of every module, the largest errors first."""
    sides = (
        ("predicted", "@series1", [gap.predicted_ms for gap in modules]),
        ("measured", "@series2", [gap.measured_ms for gap in modules]),
    )
    names = [plain(gap.name) for gap in modules]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": f"{side} {sum(times):.2f} ms",
            "y": names,
            "x": times,
            "marker": {"color": colour},
            "hovertemplate": "%{y}: %{x:.3f} ms<extra></extra>",
        }
        for side, colour, times in sides
    ]
    layout = chart_layout("time (ms)", "", height=150 + 2 * _BAR_PX * len(modules))
    layout["barmode"] = "group"
    layout["bargap"] = 0.3
    layout["yaxis"] |= names_axis(names)
    return {"data": traces, "layout": layout}


def difference_figure(rows: Sequence[AccuracyRow], max_ap_drop: float | None) -> Figure:
    """Draw what the engine gains or loses against torch, with the bootstrap's intervals."""
    known = [row for row in rows if row.drop_ci is not None and math.isfinite(row.drop)]
    names = [plain(row.metric) for row in known]
    # The interval is of the loss: its upper end is the lower end of the difference.
    low, high = ([row.drop_ci[end] for row in known if row.drop_ci] for end in (0, 1))
    drops = [row.drop for row in known]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "engine - torch",
        "y": names,
        "x": [-drop for drop in drops],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [drop - end for drop, end in zip(drops, low, strict=True)],
            "arrayminus": [end - drop for drop, end in zip(drops, high, strict=True)],
            "color": "@series1",
            "thickness": 2,
            "width": 5,
        },
        "marker": {"color": "@series1", "size": 9},
        "hovertemplate": "%{y}: %{x:+.2f} points<extra></extra>",
    }
    layout = chart_layout("engine - torch (points)", "", height=130 + 30 * len(known))
    layout["yaxis"] |= names_axis(names)
    limit = 0.0 if max_ap_drop is None else -max_ap_drop
    layout["xaxis"] |= {"zeroline": True, "zerolinecolor": "@muted"}
    layout["xaxis"]["range"] = _around([limit, 0.0, *(-end for end in (*low, *high))])
    layout["showlegend"] = False
    if max_ap_drop is not None:
        mark_limit(layout, -max_ap_drop, f"allowed {-max_ap_drop:g}")
    return {"data": [trace], "layout": layout}


def _around(values: Sequence[float]) -> list[float]:
    """Return a range that holds values with some room beside them."""
    room = 0.06 * (max(values) - min(values)) or 1.0
    return [min(values) - 2 * room, max(values) + room]


def agreement_figure(marks: Sequence[AgreementMark]) -> Figure:
    """Draw predicted against measured latency with the identity and a band of 5 % around it."""
    values = [value for mark in marks for value in (mark.predicted_ms, mark.measured_ms)]
    low, high = 0.95 * min(values), 1.05 * max(values)
    band = {
        "type": "scatter",
        "mode": "lines",
        "name": f"±{BAND:.0%}",
        "x": [low, high, high, low],
        "y": [low * (1 + BAND), high * (1 + BAND), high * (1 - BAND), low * (1 - BAND)],
        "fill": "toself",
        "fillcolor": "@band",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    identity = {
        "type": "scatter",
        "mode": "lines",
        "name": "equal",
        "x": [low, high],
        "y": [low, high],
        "line": {"color": "@muted", "width": 1.5},
        "hoverinfo": "skip",
    }
    groups = list(dict.fromkeys(mark.group for mark in marks))
    traces = [band, identity]
    for index, group in enumerate(groups):
        mine = [mark for mark in marks if mark.group == group]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": plain(group),
                "x": [mark.measured_ms for mark in mine],
                "y": [mark.predicted_ms for mark in mine],
                "text": [plain(mark.label) for mark in mine],
                "marker": {"color": GROUP_COLOURS[index % len(GROUP_COLOURS)], "size": 9},
                "hovertemplate": "%{text}<br>measured %{x:.3f} ms<br>predicted %{y:.3f} ms"
                "<extra></extra>",
            }
        )
    return {"data": traces, "layout": chart_layout("measured (ms)", "predicted (ms)", height=440)}


def _marks(
    name: str, marks: Iterable[FrontMark], marker: dict[str, Any], mode: str
) -> dict[str, Any]:
    marks = list(marks)
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": [mark.cost for mark in marks],
        "y": [mark.accuracy for mark in marks],
        "text": [plain(mark.label) for mark in marks],
        "marker": marker,
        "line": {"color": marker["color"], "width": 1.5, "shape": "hv"},
        "hovertemplate": "%{text}<br>%{x:,.4~f}<br>%{y:.2f}<extra></extra>",
    } | _intervals(marks, marker["color"])


def _intervals(marks: Sequence[FrontMark], colour: str) -> dict[str, Any]:
    """Return the bars of the predictions' intervals, where all of the marks have one."""
    known = [(mark.cost, mark.interval) for mark in marks if mark.interval is not None]
    if not known or len(known) < len(marks):
        return {}
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [interval[1] - cost for cost, interval in known],
        "arrayminus": [cost - interval[0] for cost, interval in known],
        "color": colour,
        "thickness": 1,
        "width": 3,
    }
    return {"error_x": bars}
