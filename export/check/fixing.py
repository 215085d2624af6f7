"""Repair a model: each fix is tried, proven, and taken back where the outputs change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from ..files import write_atomically
from .checking import check_model, read_model
from .errors import CheckError
from .finding import CheckReport
from .fixes import FIXES, Fix
from .proof import Reference
from .versions import Target, parse_target

MOST_BYTES = 2**31 - 1  # that protobuf serialises, which the inference needs
APPLIED, ROLLED_BACK, UNPROVEN = "applied", "rolled back", "not proven"


@dataclass(frozen=True, slots=True)
class FixOutcome:
    """State what became of one fix.

    Attributes:
        name: Which fix.
        status: ``applied``; ``rolled back`` because it failed or outputs changed; ``not proven``
            where the original cannot be run for comparison.
        places: How many places it changed, or would have.
        detail: Samples that were equal, or what differed.
    """

    name: str
    status: str
    places: int
    detail: str


@dataclass(frozen=True, slots=True)
class FixReport:
    """Hold what was repaired and what remains.

    Attributes:
        before: The check of the model as it was.
        after: The check of the model as it is now.
        outcomes: Every fix that had something to do.
        path: Where the repaired model was written.
    """

    before: CheckReport
    after: CheckReport
    outcomes: tuple[FixOutcome, ...]
    path: Path | None = None

    @property
    def passed(self) -> bool:
        """Tell whether nothing that fails remains."""
        return self.after.passed

    def lines(self) -> tuple[str, ...]:
        """Return for people what remains."""
        return self.after.lines()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: the check after, with the fixes beside it."""
        return self.after.to_dict() | {
            "fixes": [asdict(outcome) for outcome in self.outcomes],
            "fixed": len(self.before.findings) - len(self.after.findings),
            "path": None if self.path is None else str(self.path),
        }


def fix_model(model: onnx.ModelProto, target: Target) -> tuple[onnx.ModelProto, FixReport]:
    """Repair what can be repaired without changing what the model computes.

    Args:
        model: The model; it is not changed.
        target: Release and precision to repair it for.

    Returns:
        The repaired model, and what was done. Every fix that was applied gave equal outputs on
        noise and zeros in onnxruntime.

    Raises:
        CheckError: The model has no graph that can be read.
    """
    before = check_model(model, target)
    current, report = model, before
    outcomes: list[FixOutcome] = []
    reference: Reference | str | None = None
    for fix in FIXES.values():
        if not any(found.rule in fix.rules for found in report.findings):
            continue
        candidate = onnx.ModelProto()
        candidate.CopyFrom(current)
        places, problem = _apply(fix, candidate, target)
        if not places and not problem:
            continue
        if reference is None:
            reference = _reference(model)
        outcome = _judge(fix, candidate, places, problem, reference)
        outcomes.append(outcome)
        if outcome.status == APPLIED:
            current, report = candidate, check_model(candidate, target)
    changed = any(outcome.status == APPLIED for outcome in outcomes)
    final = _with_shapes(current) if changed else current
    return final, FixReport(before, report, tuple(outcomes))


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Note the inner tensors' types and shapes again, which fixes drop."""
    if model.ByteSize() > MOST_BYTES:
        return model
    return onnx.shape_inference.infer_shapes(model)


def _apply(fix: Fix, candidate: onnx.ModelProto, target: Target) -> tuple[int, str]:
    """Return the number of changed places, or why the fix does not go."""
    try:
        places = fix.apply(candidate, target)
        if places:
            onnx.checker.check_model(candidate)
    except (onnx.checker.ValidationError, CheckError, RuntimeError, ValueError) as error:
        return 0, " ".join(str(error).split())[:200]
    return places, ""


def _reference(model: onnx.ModelProto) -> Reference | str:
    try:
        return Reference(model)
    except RuntimeError as error:
        return str(error)


def _judge(
    fix: Fix, candidate: onnx.ModelProto, places: int, problem: str, reference: Reference | str
) -> FixOutcome:
    if problem:
        return FixOutcome(fix.name, ROLLED_BACK, places, problem)
    if isinstance(reference, str):
        return FixOutcome(fix.name, UNPROVEN, places, reference)
    proof = reference.prove(candidate, fix.tolerance)
    if not proof.same:
        return FixOutcome(fix.name, ROLLED_BACK, places, proof.reason)
    return FixOutcome(fix.name, APPLIED, places, f"outputs equal on {proof.samples} inputs")


def check_onnx(path: str | Path, tensorrt: str, precision: str = "fp32") -> CheckReport:
    """Say whether a TensorRT release would parse and run an ONNX file; needs neither it nor a GPU.

    Args:
        path: The file.
        tensorrt: Release, such as ``8.6``, ``10.4.0`` or ``11.x``.
        precision: ``fp32``, or ``fp16`` to add the hazards of half precision.

    Raises:
        CheckError: It is no ONNX model, or no rules are known for the release or precision.
        OSError: It cannot be read.
    """
    target = parse_target(tensorrt, precision)
    return check_model(read_model(path), target)


def fix_onnx(
    path: str | Path, output: str | Path, tensorrt: str, precision: str = "fp32"
) -> FixReport:
    """Write a copy of an ONNX file with everything repaired that can be proven to be the same.

    Args:
        path: The file; it may be the output as well.
        output: The file to write, all of it or none; it holds its weights itself.
        tensorrt: Release, such as ``8.6``, ``10.4.0`` or ``11.x``.
        precision: ``fp32`` or ``fp16``.

    Raises:
        CheckError: As in `check_onnx`.
        ExportError: The output cannot be written.
        OSError: The file cannot be read.
    """
    target = parse_target(tensorrt, precision)
    model, report = fix_model(read_model(path), target)
    write_atomically(Path(output), model.SerializeToString(deterministic=True))
    return FixReport(report.before, report.after, report.outcomes, Path(output))
