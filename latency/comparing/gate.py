"""What changed from one table to the other, and which change is not accepted."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ..errors import LatencyError

_GATE = re.compile(r"(slower|faster)>(\d+(?:\.\d+)?)%")


@dataclass(frozen=True, slots=True)
class Gate:
    """Say which change is not accepted.

    Attributes:
        direction: ``slower`` or ``faster``.
        limit: Relative change, 0.02 for 2 %.
    """

    direction: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Read ``slower>2%``.

        Raises:
            LatencyError: The text reads otherwise.

        Example:
            >>> Gate.parse("slower>2.5%")
            Gate(direction='slower', limit=0.025)
        """
        match = _GATE.fullmatch(text.replace(" ", ""))
        if match is None:
            raise LatencyError(f"{text!r} is no gate; write slower>2% or faster>2%")
        return cls(match[1], float(match[2]) / 100)

    def __str__(self) -> str:
        return f"{self.direction}>{100 * self.limit:g}%"

    @property
    def log_limit(self) -> float:
        """Return how far the logarithm of a ratio may move, up or down."""
        if self.direction == "slower":
            return math.log1p(self.limit)
        return -math.log1p(-self.limit) if self.limit < 1 else math.inf

    def violated_by(self, change: Change) -> bool:
        """Return whether a change is significant and beyond the limit."""
        if not change.significant:
            return False
        amount = change.change if self.direction == "slower" else -change.change
        return amount > self.limit

    def left_open_by(self, change: Change) -> bool:
        """Return whether a change may be beyond the limit, and the tables would not show it."""
        end = change.hi if self.direction == "slower" else -change.lo
        hidden = math.log1p(change.smallest_shown) > self.log_limit
        return hidden and end > self.limit and not self.violated_by(change)


@dataclass(frozen=True, slots=True)
class Change:
    """Compare one workload, or all modules of one kind.

    Attributes:
        what: ``workload`` or ``kind``.
        name: The workload's label or the kind.
        key: The workload's key; the kind again for a kind.
        a_ms: Before; for a kind the sum over its modules.
        b_ms: After; for a kind the sum before times its ratio.
        change: ``b / a - 1``.
        lo: Lower end of the 95 % interval of the change.
        hi: Upper end.
        p: Adjusted probability of a change as large by chance.
        significant: Whether that is below :data:`~latency.comparing.diff.ALPHA`.
        smallest_shown: The smallest slowdown that would be significant, were it the only change.
    """

    what: str
    name: str
    key: str
    a_ms: float
    b_ms: float
    change: float
    lo: float
    hi: float
    p: float
    significant: bool
    smallest_shown: float
