"""Certificates: what a bundle's engine was found to do, one per place where it was verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..gate.outcome import GateVerdict
from ..gate.parity import ParityReport
from ..records.accuracy import Accuracy
from ..records.latency import MeasuredLatency
from .platforms import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Record a verification that passed, and where it holds.

    Attributes:
        platform: Engine, runtime version and architecture; on others nothing is certified.
        device: The device's fingerprint, as ``engines.DeviceInfo.to_dict`` gives it.
        data: Name of the data set and split.
        accuracy: COCO accuracy of torch and engine.
        parity: Matched detections of torch and engine.
        measured: What the engine was measured at, if it was.
        verdict: The gate's verdict.
        created: UTC time in ISO 8601.
        detfit_version: Version that verified it.
    """

    platform: Platform
    device: Mapping[str, str | int | float | Mapping[str, float]]
    data: str
    accuracy: Accuracy
    parity: ParityReport
    measured: MeasuredLatency | None
    verdict: GateVerdict
    created: str
    detfit_version: str
