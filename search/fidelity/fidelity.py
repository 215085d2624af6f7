"""What a search by successive halving is asked: the rungs, how many climb, what is checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import RunError

MOST_RUNGS = 8
UNITS = 10**6  # of the whole evaluation: lengths are whole numbers, so that their sums are exact


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Say at which shares of a whole evaluation candidates are compared, and how.

    A candidate begins on the lowest rung. Of what a rung has evaluated, the best ``1 / eta`` go on
    to the next one; the last rung is the whole evaluation, and only its values count.

    Attributes:
        shares: Of the training steps, or of the validation images, rung by rung; rising to 1.
        eta: One of so many goes on (Li et al., MLSys 2020, arXiv:1810.05934: 3 or 4).
        audit: Share of the candidates of every rung that go on whatever their rank, so that the
            order of two rungs is not compared on chosen ones alone.
        min_tau: Kendall's tau that the orders of two rungs should reach.
        stop: Whether every later proposal is evaluated whole once tau is surely below that.

    Raises:
        RunError: A value is out of range.

    Example:
        >>> Fidelity((0.1, 0.3, 1.0)).top
        2
    """

    shares: tuple[float, ...]
    eta: int = 3
    audit: float = 0.1
    min_tau: float = 0.5
    stop: bool = True

    def __post_init__(self) -> None:
        _check_shares(self.shares)
        if isinstance(self.eta, bool) or not isinstance(self.eta, int) or self.eta < 2:
            raise RunError(f"eta must be an integer of at least 2, got {self.eta!r}")
        if not _is_number(self.audit) or not 0.0 < self.audit <= 1.0:
            raise RunError(
                f"the audit share must lie above 0 and be at most 1 (0.1, not 10), got "
                f"{self.audit!r}; without it the check sees chosen candidates only"
            )
        if not _is_number(self.min_tau) or not -1.0 <= self.min_tau <= 1.0:
            raise RunError(f"Kendall's tau lies in [-1, 1], got min_tau {self.min_tau!r}")

    @property
    def top(self) -> int:
        """Return the number of the last rung, the whole evaluation."""
        return len(self.shares) - 1

    def length(self, rung: int) -> int:
        """Return how long an evaluation takes on a rung, in millionths of a whole one."""
        return max(1, round(UNITS * self.shares[rung]))


def parse_fidelity(
    text: str, *, eta: int = 3, audit: float = 0.1, min_tau: float = 0.5, stop: bool = True
) -> Fidelity:
    """Read shares as the command line writes them, rising to 1.

    Args:
        text: Shares, separated by commas.
        eta: See :class:`Fidelity`, as all others.
        audit: Share that goes on whatever its rank.
        min_tau: What Kendall's tau should reach.
        stop: Whether halving stops where it surely does not.

    Raises:
        RunError: The text holds no such shares, or a value is out of range.

    Example:
        >>> parse_fidelity("0.1,0.3,1").shares
        (0.1, 0.3, 1.0)
    """
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise RunError(
            f"shares of an evaluation are numbers separated by commas, such as 0.1,0.3,1, got "
            f"{text!r}"
        ) from None
    if len(shares) < 2:
        raise RunError(
            f"halving needs two rungs at least, such as 0.3,1, got {text!r}; leave it out to "
            "evaluate every candidate whole"
        )
    return Fidelity(shares, eta, audit, min_tau, stop)


def _check_shares(shares: tuple[float, ...]) -> None:
    rising = all(_is_number(s) for s in shares) and list(shares) == sorted(set(shares))
    if not 1 <= len(shares) <= MOST_RUNGS or not rising or shares[0] <= 0 or shares[-1] != 1:
        raise RunError(
            f"the shares of an evaluation must rise from above 0 to 1, at most {MOST_RUNGS} of "
            f"them, such as 0.1,0.3,1, got {shares!r}"
        )


def _is_number(value: float) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value)


WHOLE = Fidelity((1.0,))
"""One rung: every candidate is evaluated whole."""
