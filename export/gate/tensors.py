"""The gate's first two rungs: the graph as it is written, and its modules one by one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..graph.structure import NAMED, StructureReport
from .outcome import Check, Outcome, pass_if

TENSOR_LIMITS = {"fp32": 2e-4, "fp16": 2e-2}
"""How far a module's output may be off, as a share of its largest value, given the same inputs;
fp32 engines stay below 1e-5, fp16 ones below 2e-3. Quantised ones have no limit but that every
number is finite: a single number that is cut off is what calibration chose."""

COSINE_LIMITS = {"fp16": 0.999, "int8": 0.97}
"""Least cosine of the angle between a module's output and torch's. 8 bits give 0.99 and more;
0.97 is 12 dB of signal over noise, which means a wrong scale, sign or zero point, or a module that
8 bits do not suit and that is better kept in fp32."""

PROBE_LIMITS = {"fp32": 0.995}
"""Share of what a module gives on made-up inputs that must agree."""

LOOSE_PROBE_LIMIT = 0.9
"""The same of other precisions, whose inputs are rounded and then tie."""


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """Compare a module of torch and engine on made-up inputs.

    Attributes:
        name: The module, as the detector's graph names it.
        kind: Of the module.
        case: How many objects the inputs speak for: ``many``, ``few`` or ``no``.
        agreement: Share that agrees, 0..1: of the boxes found by both sides, less the largest
            difference of their scores; or of the numbers.
    """

    name: str
    kind: str
    case: str
    agreement: float


@dataclass(frozen=True, slots=True)
class TensorRow:
    """Compare one output of a module.

    Attributes:
        name: The output, as the detector's graph refers to it: ``neck:1``.
        part: ``backbone``, ``neck``, ``rpn`` or ``head``.
        kind: Of the module.
        max_abs: Largest difference; of modules behind a selection, that of the 99 % best.
        relative: The same, divided by torch's largest absolute value; infinite where the engine
            gives a number that is not finite.
        cosine: Of the angle between both; 1 where they are equal.
    """

    name: str
    part: str
    kind: str
    max_abs: float
    relative: float
    cosine: float


@dataclass(frozen=True, slots=True)
class TensorReport:
    """Hold how far the modules of torch and engine agree.

    Attributes:
        rows: One per output of every module that does not select, in running order.
        unseen: Modules whose tensors were not found in the ONNX model.
        probes: Modules that were run alone on made-up inputs.
        images: Inputs that the rows are the worst of.
        error: Why the engine's tensors could not be read; empty where they could.
    """

    rows: tuple[TensorRow, ...] = ()
    unseen: tuple[str, ...] = ()
    error: str = ""
    probes: tuple[ProbeRow, ...] = ()
    images: int = 1

    @property
    def worst_probe(self) -> ProbeRow | None:
        """Return the probe that agrees least."""
        return min(self.probes, key=lambda row: row.agreement, default=None)

    @property
    def worst(self) -> TensorRow | None:
        """Return the output that differs most; the first of several that are not finite."""
        return max(self.rows, key=lambda row: row.relative, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; what is not finite becomes ``None``."""
        rows = [
            {key: None if value == math.inf else value for key, value in asdict(row).items()}
            for row in self.rows
        ]
        return {
            "rows": rows,
            "unseen": list(self.unseen),
            "probes": [asdict(probe) for probe in self.probes],
            "images": self.images,
            "error": self.error,
        }


def judge_structure(structure: StructureReport | None) -> Check:
    """Judge the graph as it is written; any fault fails."""
    if structure is None:
        return Check("graph", Outcome.NOT_JUDGED, "the graph was not inspected")
    faults = structure.faults
    if not faults:
        reason = f"the graph of {structure.nodes} nodes is what the detector declares"
        return Check("graph", Outcome.PASS, reason)
    more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return Check("graph", Outcome.FAIL, "; ".join(faults[:NAMED]) + more)


def judge_tensors(tensors: TensorReport | None, precision: str) -> Check:
    """Judge the engine's modules, each on the engine's own inputs; the worst decides."""
    if tensors is None or tensors.error or tensors.worst is None:
        note = tensors.error if tensors is not None and tensors.error else "not compared"
        return Check("tensors", Outcome.NOT_JUDGED, f"tensors between the modules: {note}")
    worst, limit = tensors.worst, TENSOR_LIMITS.get(precision, math.inf)
    allowed = f"allowed {limit:g}" if math.isfinite(limit) else f"no limit for {precision}"
    reason = (
        f"{len(tensors.rows)} tensors between the modules: {worst.name} is the worst, off by "
        f"{worst.relative:.2g} of its largest value, {allowed}"
    )
    kept = worst.relative < math.inf and worst.relative <= limit
    turned = min(tensors.rows, key=lambda row: row.cosine)
    if (least := COSINE_LIMITS.get(precision)) is not None:
        kept = kept and turned.cosine >= least
        reason += f"; cosine of {turned.name} {turned.cosine:.5f}, needed {least:g}"
    if (probe := tensors.worst_probe) is not None:
        least = PROBE_LIMITS.get(precision, LOOSE_PROBE_LIMIT)
        kept = kept and probe.agreement >= least
        reason += (
            f"; {len(tensors.probes)} runs on made-up inputs: {probe.name} with {probe.case} "
            f"objects agrees least, by {probe.agreement:.2%}, needed {least:.1%}"
        )
    if tensors.unseen:
        reason += f"; not seen: {', '.join(tensors.unseen)}"
    return Check("tensors", pass_if(kept), reason)
