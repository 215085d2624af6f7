"""How a check, and a whole engine, came out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(str, Enum):
    """Say how a check, or a whole engine, came out."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_JUDGED = "NOT JUDGED"

    def __str__(self) -> str:
        return self.value


SEVERITY = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_JUDGED)
"""Outcomes, the deciding ones first."""


@dataclass(frozen=True, slots=True)
class Check:
    """Record one check.

    Attributes:
        name: What was checked: ``tensors``, ``parity``, ``accuracy``, ``budget`` or
            ``prediction``.
        outcome: How it came out; ``NOT_JUDGED`` where the caller asked for no such check.
        reason: The numbers behind it, in one sentence.
    """

    name: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Decide whether an engine may be deployed.

    Attributes:
        checks: Every check, also those that passed and those that were not asked for.
    """

    checks: tuple[Check, ...]

    @property
    def outcome(self) -> Outcome:
        """Return the worst outcome: any FAIL fails, else anything undecided is INCONCLUSIVE."""
        outcomes = [check.outcome for check in self.checks]
        if Outcome.FAIL in outcomes:
            return Outcome.FAIL
        if Outcome.INCONCLUSIVE in outcomes or Outcome.PASS not in outcomes:
            return Outcome.INCONCLUSIVE
        return Outcome.PASS

    @property
    def passed(self) -> bool:
        """Return whether the engine may leave as a pass."""
        return self.outcome is Outcome.PASS

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return one sentence with numbers per check, the deciding ones first."""
        ranked = sorted(self.checks, key=lambda check: SEVERITY.index(check.outcome))
        return tuple(f"{check.outcome}: {check.reason}" for check in ranked)


def pass_if(condition: bool) -> Outcome:
    """Return PASS or FAIL."""
    return Outcome.PASS if condition else Outcome.FAIL
