"""The manifest of a bundle: what it holds, where it was made, what was measured.

Validated by pydantic at the border; inside, a manifest is plain frozen dataclasses.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import BundleError, BundleFilesError, VerificationError
from ..files import json_bytes
from ..gate.detections import MAX_SCORE_DIFFERENCE, MIN_MATCHED
from ..gate.latency import BUDGET_ON, P50
from ..gate.outcome import GateVerdict
from ..gate.parity import ParityReport
from ..gate.verdict import MAX_AP_DROP, PREDICTION_TOLERANCE
from ..records.accuracy import Accuracy
from ..records.engine import EngineRecord, Origin
from ..records.latency import MeasuredLatency, PredictedLatency
from ..records.precision import PrecisionRecord
from ..records.times import LatencyReport
from .certificate import Certificate
from .integrity import SCHEMA, SCHEMA_VERSION, listed_files, manifest_values
from .platforms import Platform
from .strict_json import strict_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class GateLimits:
    """State the limits by which a bundle's verdict was found, and by which it is verified.

    Attributes:
        budget_ms: Latency budget, if there is one.
        budget_on: What of the latency the budget is about: ``p50`` or ``p99``.
        max_ap_drop: AP points (0..100) that the engine may lose.
        min_matched: Fraction of detections that must be matched, 0..1.
        max_score_difference: Largest difference of the scores of a pair.
        prediction_tolerance: Relative distance from the prediction that is allowed.

    Raises:
        VerificationError: A limit is out of range.
    """

    budget_ms: float | None = None
    max_ap_drop: float = MAX_AP_DROP
    min_matched: float = MIN_MATCHED
    max_score_difference: float = MAX_SCORE_DIFFERENCE
    prediction_tolerance: float = PREDICTION_TOLERANCE
    budget_on: str = P50

    def __post_init__(self) -> None:
        for name in (
            "max_ap_drop",
            "min_matched",
            "max_score_difference",
            "prediction_tolerance",
        ):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise VerificationError(f"{name} must be a finite number >= 0, got {value}")
        if self.min_matched > 1:
            raise VerificationError(f"min_matched is a fraction of 0..1, got {self.min_matched}")
        if self.budget_ms is not None and not 0 < self.budget_ms < math.inf:
            raise VerificationError(f"budget_ms must be a finite number > 0, got {self.budget_ms}")
        if self.budget_on not in BUDGET_ON:
            raise VerificationError(
                f"budget_on must be one of {', '.join(BUDGET_ON)}, got {self.budget_on!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Describe a bundle.

    Attributes:
        origin: Which network it is.
        input_hw: Height and width of the network's input in pixels.
        num_classes: Classes without background.
        engine: The engine and what it was checked on.
        limits: The gate's limits.
        predicted: What the latency predictor promised, if it was asked.
        measured: What the engine was measured at, if it was.
        latency: Where its time goes, and which modules the prediction missed.
        accuracy: COCO accuracy of torch and engine: with `parity` the bundle's certificate.
        parity: Matched detections of torch and engine.
        verdict: The gate's verdict where the bundle was exported.
        created: UTC time in ISO 8601.
        detfit_version: Version that wrote the bundle.
        files: SHA-256 of every other file, by name.
        certificates: Of other engines, runtime versions and architectures, added later.
        precision: How the precision came about; ``None`` for fp32.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,
    }

    origin: Origin
    input_hw: tuple[int, int]
    num_classes: int
    engine: EngineRecord
    limits: GateLimits
    predicted: PredictedLatency | None
    measured: MeasuredLatency | None
    accuracy: Accuracy | None
    parity: ParityReport | None
    verdict: GateVerdict
    created: str
    detfit_version: str
    files: Mapping[str, str]
    certificates: tuple[Certificate, ...] = ()
    latency: LatencyReport | None = None
    precision: PrecisionRecord | None = None

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Return where the bundle is certified: where it was exported first."""
        own = Platform.of(self.engine)
        return (own, *(certificate.platform for certificate in self.certificates))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; :meth:`from_bytes` reads them back."""
        values: dict[str, Any] = _adapter().dump_python(self, mode="json")
        for verdict, found in zip(_verdicts(values), self._verdicts(), strict=True):
            verdict["outcome"] = str(found.outcome)
        return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **values}

    def to_bytes(self) -> bytes:
        """Return the content of ``manifest.json``; equal manifests give equal bytes."""
        return json_bytes(self.to_dict())

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Read the content of a ``manifest.json``.

        Raises:
            BundleError: It is no JSON, of another schema or version, or a field is missing,
                unknown or of the wrong type; the message names the field.
            BundleFilesError: A file name points out of the folder.
        """
        values = manifest_values(content)
        told = [_take_outcome(verdict) for verdict in _verdicts(values)]
        manifest = _validate(values)
        for outcome, verdict in zip(told, manifest._verdicts(), strict=True):
            if outcome != str(verdict.outcome):
                raise BundleError(
                    f"manifest.json: verdict.outcome is {outcome!r}, "
                    f"but its checks make {str(verdict.outcome)!r}"
                )
        if manifest.engine.file not in listed_files(values):
            raise BundleFilesError(
                f"manifest.json: the engine file {manifest.engine.file!r} is not among the files"
            )
        return manifest

    def _verdicts(self) -> Iterator[GateVerdict]:
        yield self.verdict
        for certificate in self.certificates:
            yield certificate.verdict


def is_manifest(content: bytes) -> bool:
    """Return whether bytes are the manifest of a bundle, of whatever version."""
    try:
        values = strict_json(content, "manifest.json")
    except BundleError:
        return False
    return isinstance(values, dict) and values.get("schema") == SCHEMA


def _verdicts(values: dict[str, Any]) -> list[Any]:
    """Return the bundle's own verdict and those of its further certificates."""
    certificates = values.get("certificates", [])
    if not isinstance(certificates, list) or not all(isinstance(c, dict) for c in certificates):
        raise BundleError("manifest.json: certificates must be a list of objects")
    return [entry.get("verdict") for entry in (values, *certificates)]


def _take_outcome(verdict: object) -> object:
    if not isinstance(verdict, dict) or "outcome" not in verdict:
        raise BundleError("manifest.json: verdict.outcome is missing")
    return verdict.pop("outcome")


def _validate(values: dict[str, Any]) -> Manifest:
    from pydantic import ValidationError

    try:
        # Through JSON: strict mode then still makes tuples of lists.
        return _adapter().validate_json(json.dumps(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        raise BundleError(f"manifest.json: {where}: {reason}") from error


@cache
def _adapter() -> TypeAdapter[Manifest]:
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)
