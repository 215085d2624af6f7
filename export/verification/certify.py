"""Verify a bundle where it is, and add the certificate that lets it run there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from engines import get_backend, option_texts

from ..bundle.bundle import Bundle, load_bundle
from ..bundle.certificate import Certificate
from ..bundle.integrity import REPORT
from ..bundle.place import refuse_in_the_way
from ..bundle.platforms import Platform
from ..bundle.runnable import run_by
from ..bundle.writer import write_bundle
from ..comparison.data import Progress
from ..errors import BundleRuntimeError
from ..machine import detfit_version, machine_name
from ..report.bundle import certificate_rows
from ..report.sections import CERTIFICATES, certificates_html, replace_section
from ..running.session import Session
from .verify import verify_bundle
from .verify_report import VerifyReport


@dataclass(frozen=True, slots=True)
class Verification:
    """Hold a verification, and whether the bundle is certified for where it was made.

    Attributes:
        report: What was found.
        platform: Engine, runtime version and architecture.
        certified: Whether the bundle holds a certificate for it now.
        note: Why not, or since when.
    """

    report: VerifyReport
    platform: Platform
    certified: bool
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            **self.report.to_dict(),
            "platform": str(self.platform),
            "certified": self.certified,
            "certificate": self.note,
        }


def verify_here(
    path: str | Path,
    data_dir: str | Path,
    split: str = "val",
    *,
    engine: str | None = None,
    limit: int | None = None,
    latency: bool = True,
    record: str | Path | None = None,
    certify: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Verify a bundle on this machine, with the runtime that is installed.

    Where the bundle is certified already this is a check of what it promised. Elsewhere, latency
    is measured but neither the budget nor the prediction is judged: both are of another machine.

    Args:
        path: The bundle's folder.
        data_dir: A data folder in one of the layouts of `detection.open_split`.
        split: ``val`` or ``val2017``.
        engine: Engine to run the ONNX model; the bundle's own if ``None``.
        limit: Take only the first images.
        latency: Measure the latency.
        record: A latency table of this device to write the measured latency into.
        certify: Add the certificate to the bundle if the verdict is PASS.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        BundleError: The folder is not a whole and unchanged bundle, or cannot be written.
        DatasetError: The data is not there or damaged.
        VerificationError: This version cannot build the torch model, or there are no images.
        EngineError: The engine is not installed, or cannot be loaded, run or measured.
        ExportError: A certificate is asked for, and nothing can be written there.
    """
    bundle = load_bundle(path, check_machine=False)
    there = bundle_here(bundle, engine or bundle.engine.name)
    platform = Platform.of(there.engine)
    known = any(platform.same_as(other) for other in bundle.platforms)
    if certify and not known:  # what could not be added is refused before hours of comparing
        refuse_in_the_way(bundle.path.resolve(), overwrite=True)
    report = verify_bundle(
        there,
        data_dir,
        split,
        limit=limit,
        latency=latency,
        record=record,
        progress=progress,
        open_session=partial(Session.open, verified_only=known),
    )
    if known:
        return Verification(report, platform, True, "there already")
    refusal = _refusal(there, report, certify=certify)
    if refusal:
        return Verification(report, platform, False, refusal)
    add_certificate(bundle, certificate_of(report, there))
    return Verification(report, platform, True, "added")


def _refusal(bundle: Bundle, report: VerifyReport, *, certify: bool) -> str:
    """Return why no certificate is added; empty where one is."""
    if not certify:
        return "not asked for; --certify adds it"
    if bundle.engine.build:
        return "not given: the bundle's engine file does not run here; export it again here"
    if not report.verdict.passed:
        return f"not given: the verdict is {report.verdict.outcome}"
    return ""


def bundle_here(bundle: Bundle, engine: str) -> Bundle:
    """Return a bundle as it would run here; its promises stay behind where it is not certified.

    Raises:
        BundleRuntimeError: The bundle's model cannot be run by this engine.
        EngineError: The engine is unknown or not installed.
    """
    if "torch" in (engine, bundle.engine.name) and engine != bundle.engine.name:
        raise BundleRuntimeError(
            f"a bundle of {bundle.engine.name} cannot be run by {engine}; export it for {engine}"
        )
    ready = run_by(bundle, engine)
    options = str(ready.engine.device.get("options", "default"))
    device = get_backend(engine, option_texts(options)).probe(ready.engine.runs_on)
    record = replace(
        ready.engine,
        version=device.engine_version,
        machine=machine_name(),
        device=device.to_dict(),
    )
    manifest = replace(bundle.manifest, engine=record)
    platform = Platform.of(record)
    if not platform.same_as(Platform.of(bundle.engine)):
        manifest = replace(
            manifest, predicted=None, limits=replace(manifest.limits, budget_ms=None)
        )
    return replace(bundle, engine=record, manifest=manifest)


def certificate_of(report: VerifyReport, bundle: Bundle) -> Certificate:
    """Return what a verification certifies of a bundle as it runs here."""
    return Certificate(
        platform=Platform.of(bundle.engine),
        device=bundle.engine.device,
        data=report.data,
        accuracy=report.accuracy,
        parity=report.parity,
        measured=report.measured,
        verdict=report.verdict,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        detfit_version=detfit_version(),
    )


def add_certificate(bundle: Bundle, certificate: Certificate) -> Bundle:
    """Write a bundle anew with one certificate more, in its manifest and in its report.

    Raises:
        BundleError: The bundle cannot be written; it is left as it was.
    """
    others = tuple(
        known
        for known in bundle.manifest.certificates
        if not known.platform.same_as(certificate.platform)
    )
    manifest = replace(bundle.manifest, certificates=(*others, certificate))
    files: dict[str, bytes | Path] = {name: bundle.path / name for name in manifest.files}
    page = bundle.report_path.read_text(encoding="utf-8")
    section = certificates_html(certificate_rows(manifest))
    files[REPORT] = replace_section(page, CERTIFICATES, section).encode()
    return write_bundle(bundle.path.resolve(), manifest, files, overwrite=True)
