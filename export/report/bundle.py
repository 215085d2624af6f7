"""Fill a report from a bundle: what its manifest says, and what was seen while it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..bundle.bundle import Bundle
from ..bundle.certificate import Certificate
from ..bundle.manifest import Manifest
from ..bundle.platforms import Platform
from ..records.accuracy import Accuracy
from .data import AgreementMark, CertificateRow, Front, ReportData, Sample
from .provenance import manifest_provenance

if TYPE_CHECKING:
    from ..check import CheckReport
    from ..gate.outcome import GateVerdict
    from ..gate.parity import ParityReport
    from ..records.latency import MeasuredLatency


def bundle_report(bundle: Bundle) -> ReportData:
    """Return what a bundle's manifest says."""
    return manifest_report(bundle.manifest)


def manifest_report(
    manifest: Manifest,
    *,
    samples: tuple[Sample, ...] = (),
    front: Front | None = None,
    agreement: tuple[AgreementMark, ...] = (),
    tensorrt: tuple[CheckReport, ...] = (),
    files: Mapping[str, str] | None = None,
) -> ReportData:
    """Return what a manifest says, with what it does not hold.

    Args:
        manifest: Of a bundle.
        samples: Images with detections.
        front: What the search evaluated.
        agreement: Predictions beside measurements; the engine's own is added.
        tensorrt: The static check for releases of TensorRT.
        files: SHA-256 of the files by name; the manifest's own if ``None``.
    """
    engine, origin = manifest.engine, manifest.origin
    height, width = manifest.input_hw
    if manifest.predicted is not None and manifest.measured is not None:
        # A prediction is of the speed that the machine had while it was profiled.
        measured, latency = manifest.measured.median_ms, manifest.latency
        measured_ms = measured if latency is None else latency.comparable_ms
        own = AgreementMark(origin.arch, manifest.predicted.p50_ms, measured_ms, "this engine")
        agreement = (*agreement, own)
    return ReportData(
        title=origin.arch,
        subject=(
            f"{engine.name} {engine.precision}, input {width}x{height}, batch {engine.batch}, "
            f"{engine.threads} thread{'s' if engine.threads > 1 else ''}, on "
            f"{engine.device.get('name', engine.machine)}"
        ),
        verdict=manifest.verdict,
        predicted=manifest.predicted,
        measured=manifest.measured,
        budget_ms=manifest.limits.budget_ms,
        max_ap_drop=manifest.limits.max_ap_drop,
        front=front,
        agreement=agreement,
        accuracy=manifest.accuracy,
        parity=manifest.parity,
        latency=manifest.latency,
        precision=manifest.precision,
        samples=samples,
        tensorrt=tensorrt,
        certificates=certificate_rows(manifest),
        files=tuple((manifest.files if files is None else files).items()),
        provenance=manifest_provenance(manifest),
        commands=origin.commands,
    )


def certificate_rows(manifest: Manifest) -> tuple[CertificateRow, ...]:
    """Return a bundle's certificates in one line each, the export's own first."""
    own = _row(
        Platform.of(manifest.engine),
        manifest.verdict,
        manifest.accuracy,
        manifest.parity,
        manifest.measured,
        manifest.created,
    )
    return (own, *map(_further, manifest.certificates))


def _further(certificate: Certificate) -> CertificateRow:
    return _row(
        certificate.platform,
        certificate.verdict,
        certificate.accuracy,
        certificate.parity,
        certificate.measured,
        certificate.created,
    )


def _row(
    platform: Platform,
    verdict: GateVerdict,
    accuracy: Accuracy | None,
    parity: ParityReport | None,
    measured: MeasuredLatency | None,
    created: str,
) -> CertificateRow:
    return CertificateRow(
        platform=str(platform),
        outcome=verdict.outcome,
        ap_drop=_drop(accuracy),
        f1="-" if parity is None else f"{parity.f1:.4f}",
        median_ms=None if measured is None else measured.median_ms,
        data="" if accuracy is None or not accuracy.images else accuracy.data,
        created=created,
    )


def _drop(accuracy: Accuracy | None) -> str:
    row = None if accuracy is None else accuracy.row("AP")
    if row is None or row.torch is None or row.engine is None:
        return "-"
    interval = "" if row.drop_ci is None else f" ({row.drop_ci[0]:+.2f} to {row.drop_ci[1]:+.2f})"
    return f"{row.drop:+.2f}{interval}"
