"""The report's charts as plotly figures in plain JSON values.

Colours are names such as ``@accent``: the page replaces them by those of its light or dark theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .records import ModuleShare
from .report_data import AgreementMark, Front, FrontMark

Figure = dict[str, Any]

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
_MARGIN = {"l": 12, "r": 12, "t": 12, "b": 12}


def front_figure(front: Front) -> Figure:
    """Draw predicted latency against accuracy: the front, what it dominates, the budget."""
    dominated = [mark for mark in front.marks if mark.dominated and not mark.chosen]
    best = sorted(
        (mark for mark in front.marks if not mark.dominated), key=lambda mark: mark.predicted_ms
    )
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
    layout = _layout(
        "predicted latency (ms)", f"{_plain(front.accuracy_name)} (0..100)", height=420
    )
    if front.budget_ms is not None:
        layout["shapes"] = [_vertical_line(front.budget_ms)]
        layout["annotations"] = [
            {
                "x": front.budget_ms,
                "y": 1,
                "yref": "paper",
                "xanchor": "right",
                "yanchor": "top",
                "xshift": -4,
                "showarrow": False,
                "text": f"budget {front.budget_ms:g} ms",
            }
        ]
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
                "name": f"{_plain(part)} {total:.2f} ms",
                "y": [_plain(share.name) for share in mine],
                "x": [share.ms for share in mine],
                "marker": {"color": PART_COLOURS.get(part, "@muted")},
                "hovertemplate": "%{y}: %{x:.3f} ms<extra></extra>",
            }
        )
    layout = _layout("predicted time (ms)", "", height=150 + _BAR_PX * len(shares))
    layout["barmode"] = "overlay"
    layout["bargap"] = 0.25
    layout["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [_plain(share.name) for share in shares],
        "autorange": "reversed",
        "showgrid": False,
        "tickfont": {"size": 11},
        "dtick": 1,
    }
    return {"data": traces, "layout": layout}


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
                "name": _plain(group),
                "x": [mark.measured_ms for mark in mine],
                "y": [mark.predicted_ms for mark in mine],
                "text": [_plain(mark.label) for mark in mine],
                "marker": {"color": GROUP_COLOURS[index % len(GROUP_COLOURS)], "size": 9},
                "hovertemplate": "%{text}<br>measured %{x:.3f} ms<br>predicted %{y:.3f} ms"
                "<extra></extra>",
            }
        )
    return {"data": traces, "layout": _layout("measured (ms)", "predicted (ms)", height=440)}


def _marks(
    name: str, marks: Iterable[FrontMark], marker: dict[str, Any], mode: str
) -> dict[str, Any]:
    marks = list(marks)
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": [mark.predicted_ms for mark in marks],
        "y": [mark.accuracy for mark in marks],
        "text": [_plain(mark.label) for mark in marks],
        "marker": marker,
        "line": {"color": marker["color"], "width": 1.5, "shape": "hv"},
        "hovertemplate": "%{text}<br>%{x:.3f} ms<br>%{y:.2f}<extra></extra>",
    }


def _layout(x_title: str, y_title: str, height: int) -> dict[str, Any]:
    axis = {
        "automargin": True,
        "gridcolor": "@grid",
        "linecolor": "@grid",
        "zeroline": False,
    }
    return {
        "height": height,
        "margin": dict(_MARGIN),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "@text"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "xaxis": axis | {"title": {"text": x_title}},
        "yaxis": axis | {"title": {"text": y_title}},
    }


def _vertical_line(x: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": "@bad", "width": 2, "dash": "dash"},
    }


def _plain(text: str) -> str:
    """Escape what plotly would read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
