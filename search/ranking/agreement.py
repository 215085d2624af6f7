"""How two scores of the same architectures agree in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..fidelity.kendall import FEWEST, tau_interval

MIN_TAU = 0.5
"""Below, a front is not to be trusted: every fourth pair stands in the wrong order."""


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """Compare the evaluator's order with that of architectures trained by themselves.

    Attributes:
        objective: What was compared.
        kendall_tau: Rank correlation, tau-b, -1..1.
        interval: Its 95 % interval, see :func:`search.fidelity.kendall.tau_interval`.
        anchors: How many were trained by themselves.
        threshold: What tau should reach.
    """

    objective: str
    kendall_tau: float
    interval: tuple[float, float]
    anchors: int
    threshold: float = MIN_TAU

    @property
    def trusted(self) -> bool:
        """Return whether the order is that of real trainings: better than chance, and enough."""
        return self.kendall_tau >= self.threshold and self.interval[0] > 0

    @property
    def statement(self) -> str:
        """Return tau, its interval and the anchors in one sentence, with what follows."""
        low, high = self.interval
        found = (
            f"the evaluator ranks {self.anchors} architectures that were trained by themselves "
            f"with a Kendall tau of {self.kendall_tau:.2f} (95 % interval {low:.2f} to "
            f"{high:.2f}), needed {self.threshold:g} and an interval above 0"
        )
        if self.trusted:
            return f"{found}: the order is confirmed"
        return (
            f"{found}: the front is not to be trusted; train the supernet longer, or search with "
            "--evaluator scratch"
        )

    @property
    def warning(self) -> str | None:
        """Return why the front is not to be trusted; ``None`` where it is."""
        return None if self.trusted else self.statement

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "trusted": self.trusted, "warning": self.warning}


def rank_agreement(
    objective: str,
    scores: Sequence[float],
    trained: Sequence[float],
    threshold: float = MIN_TAU,
) -> RankAgreement | None:
    """Return how two scores of the same architectures agree in their order.

    Args:
        objective: What they tell.
        scores: The evaluator's.
        trained: Of the same architectures, trained by themselves.
        threshold: What tau should reach.

    Returns:
        ``None`` for fewer than five, or where all of one side are the same.
    """
    from scipy.stats import kendalltau

    if len(scores) < FEWEST:
        return None
    tau = float(kendalltau(scores, trained).statistic)
    interval = tau_interval(tau, len(scores))
    if interval is None:
        return None
    return RankAgreement(objective, tau, interval, len(scores), threshold)
