"""Plant a fault, let the gate judge what comes of it, and say which rung caught it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection import DetectionError
from engines import EngineError
from export import ExportError, Outcome, VerifyReport, verify_bundle

from .mutation import RUNGS, Mutation, Specimen, Workpiece

JUDGED = RUNGS[1:]


@dataclass(frozen=True)
class Trial:
    """Say what the gate said of a planted fault.

    Attributes:
        mutation: What was planted.
        kind: Into which specimen.
        outcome: The verdict, or ``REFUSED``.
        rungs: Those that did not pass, the lowest first.
        reason: The first sentence of the verdict, or the error.
        drop: AP points that the fault costs; ``None`` where it was refused.
    """

    mutation: Mutation
    kind: str
    outcome: str
    rungs: tuple[str, ...]
    reason: str
    drop: float | None = None

    @property
    def caught(self) -> bool:
        """Return whether the gate did not let it pass."""
        return self.outcome != str(Outcome.PASS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.mutation.name,
            "plants": self.mutation.plants,
            "where": self.mutation.where,
            "detector": self.kind,
            "expected": self.mutation.rung,
            "outcome": self.outcome,
            "caught_by": list(self.rungs),
            "ap_drop": self.drop,
            "reason": self.reason,
        }


def try_mutation(
    mutation: Mutation, specimen: Specimen, folder: Path, limit: int | None = None
) -> Trial:
    """Plant a fault into a specimen and verify the bundle as its user would.

    Args:
        mutation: The fault.
        specimen: A good bundle.
        folder: Where the bad one is written.
        limit: Verify on the first images only.
    """
    work = Workpiece.of(specimen)
    mutation.plant(work)
    try:
        bundle = work.pack(folder)
        report = verify_bundle(
            bundle, specimen.data, limit=limit, latency=False, open_session=work.open_session
        )
    except (ExportError, EngineError, DetectionError) as error:
        reason = f"{type(error).__name__}: {error}"
        return Trial(mutation, specimen.kind, "REFUSED", ("refused",), reason)
    return Trial(
        mutation,
        specimen.kind,
        str(report.verdict.outcome),
        failed_rungs(report),
        report.verdict.reasons[0],
        report.accuracy.row("AP").drop,
    )


def failed_rungs(report: VerifyReport) -> tuple[str, ...]:
    """Return the rungs that did not pass, in the ladder's order."""
    bad = {
        check.name
        for check in report.verdict.checks
        if check.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)
    }
    return tuple(rung for rung in JUDGED if rung in bad)
