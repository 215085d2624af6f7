"""A certification as JSON-able fields, and as people read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .certification import Candidate, Certification


def describe_certification(certification: Certification, folder: Path | str) -> dict[str, Any]:
    """Return everything that was measured, what was predicted, and which members keep the budget.

    Args:
        certification: Of a run.
        folder: Of that run.
    """
    certified = certification.certified
    return {
        "run": str(folder),
        "certified_any": bool(certified),
        "best": certified[0].arch if certified else None,  # the most accurate come first
        **certification.to_dict(),
    }


def view_certification(certification: Certification) -> dict[str, Any]:
    """Return the same for people: predicted against measured, a line for every member."""
    return {
        "budget": f"{certification.budget_ms:g} ms, kept by the next measurement with "
        f"{100 * certification.confidence:.4g} % confidence",
        "scatter of builds": f"{certification.spread:.1%}",
        "certified": [candidate.arch for candidate in certification.certified],
        "fed back to": certification.table,
        "members, in ms": [_row(candidate) for candidate in certification.candidates],
        "why": [f"{each.arch}: {each.reason}" for each in certification.candidates],
    }


def _row(candidate: Candidate) -> dict[str, Any]:
    error, again = candidate.error, candidate.predicted_again_ms
    return {
        "code": candidate.arch.partition(":")[2],
        **{name: value for name, value in candidate.values.items() if "ms" not in name},
        "predicted": candidate.predicted_ms,
        "measured": candidate.measured_ms,
        "error": None if error is None else f"{error:+.1%}",
        "bound": candidate.upper_ms,
        **({} if again is None else {"refitted": again}),
        "kept": candidate.certified,
    }
