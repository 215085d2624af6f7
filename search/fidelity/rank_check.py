"""Does a rung rank candidates as the next one does?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .kendall import effective_count, tau_interval, weighted_tau


@dataclass(frozen=True, slots=True)
class Pair:
    """Hold one candidate's values on two rungs.

    Attributes:
        lower: Value on the lower rung.
        upper: Value on the one above.
        chosen: Whether its rank sent it on, or would by now; else only the audit did.
    """

    lower: float
    upper: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class RankCheck:
    """Compare the orders of two rungs.

    Candidates that were sent on for their rank are all observed, the others with the audit's
    share: they count by the inverse of it. Tau is thus that of all candidates of the rung, not of
    the chosen.

    Attributes:
        objective: What was compared.
        lower: Share of the lower rung.
        upper: Share of the one above.
        kendall_tau: Rank correlation, tau-b, -1..1.
        interval: Its 95 % interval.
        pairs: Candidates that were evaluated on both.
        audited: Those of them that only the audit sent on.
        effective: Equally weighted candidates that would tell as much.
        threshold: What tau should reach.
    """

    objective: str
    lower: float
    upper: float
    kendall_tau: float
    interval: tuple[float, float]
    pairs: int
    audited: int
    effective: float
    threshold: float

    @property
    def trusted(self) -> bool:
        """Return whether the lower rung ranks as the one above."""
        return self.kendall_tau >= self.threshold

    @property
    def refuted(self) -> bool:
        """Return whether it surely does not: the whole interval lies below the threshold."""
        return self.interval[1] < self.threshold

    @property
    def statement(self) -> str:
        """Return the finding in one sentence."""
        low, high = self.interval
        return (
            f"{self.pairs} candidates, {self.audited} of them sent on by the audit, rank at "
            f"{self.lower:g} of an evaluation as at {self.upper:g} with a Kendall tau of "
            f"{self.kendall_tau:.2f} (95 % interval {low:.2f} to {high:.2f}) in {self.objective}"
        )

    @property
    def warning(self) -> str | None:
        """Return why the lower rung is not to be trusted; ``None`` where it is."""
        if self.trusted:
            return None
        return (
            f"{self.statement}, needed {self.threshold:g}: the lower rung misleads; raise its "
            "share, or search without --fidelity"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "trusted": self.trusted, "warning": self.warning}


def rank_check(
    objective: str,
    pairs: Sequence[Pair],
    shares: tuple[float, float],
    audit: float,
    threshold: float,
) -> RankCheck | None:
    """Return how the orders of two rungs agree.

    Args:
        objective: What was compared.
        pairs: Of everything that has a value on both.
        shares: Of the two rungs.
        audit: Share of the others that was sent on.
        threshold: What tau should reach.

    Returns:
        ``None`` where too few tell, or one rung gives all of them the same value.
    """
    weights = np.array([1.0 if pair.chosen else 1.0 / audit for pair in pairs])
    lower = np.array([pair.lower for pair in pairs])
    upper = np.array([pair.upper for pair in pairs])
    tau, effective = weighted_tau(lower, upper, weights), effective_count(weights)
    interval = tau_interval(tau, effective)
    if interval is None:
        return None
    audited = sum(not pair.chosen for pair in pairs)
    found = round(tau, 12) + 0.0  # beyond the last digits, sums depend on their order
    return RankCheck(
        objective, *shares, found, interval, len(pairs), audited, effective, threshold
    )
