"""The gate's first two rungs: the graph as it is written, and its modules one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .outcome import Check, Outcome, pass_if
from .structure import NAMED, StructureReport

if TYPE_CHECKING:
    from .tensors import TensorReport

TENSOR_LIMITS = {"fp32": 2e-4, "fp16": 5e-2}
"""How far a module's output may be off, as a share of its largest value, given the same inputs;
fp32 engines stay below 1e-5. Quantised ones have no limit but that every number is finite."""

PROBE_LIMITS = {"fp32": 0.995}
"""Share of what a module gives on made-up inputs that must agree."""

LOOSE_PROBE_LIMIT = 0.9
"""The same of other precisions, whose inputs are rounded and then tie."""


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
        f"{worst.relative:.2g} of its largest value (cosine {worst.cosine:.6f}), {allowed}"
    )
    kept = worst.relative < math.inf and worst.relative <= limit
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
