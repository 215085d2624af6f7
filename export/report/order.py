"""Whether the order of a search's evaluator was checked, and whether it is to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search import ANCHORS_FILE, read_agreement, rung_summary

if TYPE_CHECKING:
    from search import SearchResult

NOT_CHECKED = (
    "the order of the evaluator was not checked against architectures that were trained by "
    "themselves; `detfit rank RUN --data DATA` does that"
)
NOT_CHECKED_LONGER = (
    "the order of these trainings was not checked against longer ones; `detfit rank RUN --data "
    "DATA`, with more steps, does that"
)
NOT_ENOUGH = (
    "the order of the evaluator is not confirmed yet: five architectures or more with scores that "
    "differ have to be trained by themselves; `detfit rank RUN --data DATA` goes on"
)
UNCHECKED = {
    "proxy": NOT_CHECKED,
    "scratch": NOT_CHECKED_LONGER,
    "supernet": NOT_CHECKED,
}
"""Evaluator whose order `detfit rank` compares with that of trainings -> that nobody did."""


def order_statement(result: SearchResult) -> str | None:
    """Return how the evaluator ranks what was trained by itself, or that nobody looked.

    Returns:
        ``None`` for evaluators whose order is not compared with trainings, such as known results.
    """
    agreement = read_agreement(result)
    if agreement is not None:
        return agreement.statement
    if (result.folder / ANCHORS_FILE).is_file():
        return NOT_ENOUGH
    return UNCHECKED.get(str(result.config.context.get("evaluator")))


def order_warning(result: SearchResult) -> str | None:
    """Return why the order of the evaluator, or of its rungs, is not to be trusted."""
    ranking, summary = read_agreement(result), rung_summary(result)
    found = [] if ranking is None or ranking.warning is None else [ranking.warning]
    found += [] if summary is None else summary.warnings
    return "; ".join(found) or None
