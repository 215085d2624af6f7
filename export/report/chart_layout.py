"""What the report's charts have in common: axes, limits, colours by name.

Colours are names such as ``@accent``: the page replaces them by those of its light or dark theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Figure = dict[str, Any]

_MARGIN = {"l": 12, "r": 12, "t": 12, "b": 12}


def chart_layout(x_title: str, y_title: str, height: int) -> dict[str, Any]:
    """Return axes, legend and colours that all charts share; the height is in CSS pixels."""
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


def names_axis(names: Sequence[str]) -> dict[str, Any]:
    """Return an axis of names, from the top down."""
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names),
        "autorange": "reversed",
        "showgrid": False,
        "tickfont": {"size": 11},
        "dtick": 1,
    }


def mark_limit(layout: dict[str, Any], x: float, text: str) -> None:
    """Draw a limit as a vertical line with its name; another one may be there already."""
    layout.setdefault("shapes", []).append(_vertical_line(x))
    layout.setdefault("annotations", []).append(
        {
            "x": x,
            "y": 1,
            "yref": "paper",
            "xanchor": "right",
            "yanchor": "top",
            "xshift": -4,
            "showarrow": False,
            "text": text,
        }
    )


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


def plain(text: str) -> str:
    """Escape what plotly would read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
