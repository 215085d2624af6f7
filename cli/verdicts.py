"""What people see of a verdict on an engine; --json has all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MISPREDICTED = 6
"""Modules that are shown of those whose predicted latency was wrong."""

HIDDEN = ("graph", "tensors", "pipeline", "parity", "accuracy", "precision", "predicted", "files")
"""Fields of which the reasons say what counts."""


def verdict_view(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people see of an exported or verified bundle."""
    view = {name: value for name, value in fields.items() if name not in HIDDEN}
    if fields.get("precision"):
        view |= _precision_view(fields["precision"])
    if fields.get("accuracy"):
        view["accuracy"] = _accuracy_view(fields["accuracy"])
    if fields.get("latency"):
        view["latency"] = _latency_view(fields["latency"])
    return view


def _precision_view(lowered: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "precision": [_rung(row) for row in lowered["rows"]],
        "kept in fp32": [
            f"{node['name']}: {node['why']}"
            + ("" if node["harm"] is None else f"; costs {node['harm']:+.2f} AP")
            for node in lowered["kept_in_fp32"]
        ],
        "calibration": lowered["calibration"],
        "search": lowered["search"] or lowered["note"],
    }


def _rung(row: Mapping[str, Any]) -> dict[str, Any]:
    interval = "" if row["drop_ci"] is None else " ({:+.2f} to {:+.2f})".format(*row["drop_ci"])
    return {
        "precision": row["precision"] + ("*" if row["delivered"] else ""),
        "computed in": row["arithmetic"],
        "AP": row["AP"],
        "drop (95 %)": "-" if row["drop"] is None else f"{row['drop']:+.2f}{interval}",
        "ms": row["median_ms"],
        "in fp32": f"{row['nodes_in_fp32']} of {row['nodes_in_fp32'] + row['nodes_lowered']}",
    }


def _accuracy_view(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "metric": metric,
            "torch": value,
            "engine": scores["engine"][metric],
            "drop (95 %)": scores["drop_ci"][metric],
        }
        for metric, value in scores["torch"].items()
    ]


def _latency_view(latency: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stages, and the modules that were mispredicted most."""
    view = {name: latency[name] for name in ("budget_on", "position", "speed", "note")}
    if stages := latency["end_to_end"]:
        view["stages"] = [*stages["stages"], stages["total"]]
    if found := latency["attribution"]:
        kept = ("name", "part", "predicted_ms", "measured_ms", "error_ms", "fused_with")
        view["mispredicted"] = [
            {name: module[name] for name in kept} for module in found["modules"][:MISPREDICTED]
        ]
    return view
