"""What a multi-fidelity search spent on which rung, for its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search import rung_summary

if TYPE_CHECKING:
    from search import SearchResult


def rung_provenance(result: SearchResult) -> tuple[tuple[str, str], ...]:
    """Return counts, cost and agreement of the rungs; nothing where there are none."""
    summary = rung_summary(result)
    if summary is None:
        return ()
    rows = [
        (
            f"at {each.share:g} of the {summary.unit}",
            f"{each.evaluated} evaluated in {each.seconds:.0f} s; sent on {each.sent_on} by rank, "
            f"{each.audited} by the audit",
        )
        for each in summary.rungs[:-1]
    ]
    whole = summary.rungs[-1]
    rows += [
        ("evaluated whole", f"{whole.evaluated} in {whole.seconds:.0f} s"),
        ("cost", f"{summary.cost:.1f} whole evaluations, {summary.saved:.1f} saved"),
    ]
    rows += [(f"{c.lower:g} against {c.upper:g}", c.statement) for c in summary.checks]
    if summary.stopped is not None:
        rows.append(("halving stopped", summary.stopped))
    return tuple(rows)
