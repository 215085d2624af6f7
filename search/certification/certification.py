"""Which members of a run's front keep its budget on the engine itself: RUN/certification.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from searchspaces import write_atomically

from ..errors import JournalError

CERTIFICATION_FILE = "certification.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTime:
    """Hold what one independently built engine took.

    Attributes:
        median_ms: Of the visit, as measured.
        ci_upper_ms: Upper end of the 95 % interval of that median; ``None`` where it has none.
        speed: How many times slower than while it was profiled the machine was, by the sentinel;
            ``None`` if unknown.
        repeated: Why earlier visits of the build were refused and measured again.
        refused: Why this one must not count either; ``None`` if it may.
    """

    median_ms: float
    ci_upper_ms: float | None = None
    speed: float | None = None
    repeated: tuple[str, ...] = ()
    refused: str | None = None

    @property
    def profiled_ms(self) -> float:
        """Return the median at the speed that the machine had while it was profiled."""
        return self.median_ms / (self.speed or 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Compare what a member of the front was predicted to take with what it takes.

    Attributes:
        arch: ``space:code``.
        values: The run's objectives by name, as searched.
        predicted_ms: Predicted median.
        lo_ms: Lower end of the predicted interval.
        hi_ms: Upper end of it.
        builds: What its engines took, in the order measured.
        measured_ms: Median over builds, at the profile's speed of the machine; ``None`` if it was
            not measured.
        upper_ms: What the next measurement stays below, as the machine is and as it was while it
            was profiled; ``None`` if too few builds tell.
        certified: Whether that keeps the budget.
        reason: Why it is certified or not, in one sentence.
        predicted_again_ms: Predicted median once the measurements were fed back.
    """

    arch: str
    values: Mapping[str, float]
    predicted_ms: float
    lo_ms: float
    hi_ms: float
    builds: tuple[BuildTime, ...] = ()
    measured_ms: float | None = None
    upper_ms: float | None = None
    certified: bool = False
    reason: str = ""
    predicted_again_ms: float | None = None

    @property
    def error(self) -> float | None:
        """Return measured over predicted, minus 1; ``None`` if it was not measured."""
        return None if self.measured_ms is None else self.measured_ms / self.predicted_ms - 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification:
    """Say which members of a run's front keep a budget, measured on the engine.

    Attributes:
        objective: Name of the latency that was certified.
        budget_ms: To be kept.
        confidence: With which the next measurement keeps it.
        builds: Engines that were built of a member, unless one of them exceeded the budget.
        spread: Relative standard deviation of the builds of one member, pooled over all.
        sentinel_ms: Median of what the sentinel took at visits that count; ``None`` without it.
        device: Identity of the device, as ``engines.DeviceInfo.identity`` gives it.
        evaluated: Results that the run had; later ones are not considered.
        candidates: Everything that was measured or passed over, in that order.
        table: Latency table that the measurements were fed back to.
        created_at: ISO 8601, UTC.
        versions: Of what decides the result.
        schema_version: Version of this layout.
    """

    objective: str
    budget_ms: float
    confidence: float
    builds: int
    spread: float
    sentinel_ms: float | None
    device: Mapping[str, str | int | float]
    evaluated: int
    candidates: tuple[Candidate, ...]
    table: str | None
    created_at: str
    versions: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def certified(self) -> tuple[Candidate, ...]:
        """Return the members that keep the budget."""
        return tuple(candidate for candidate in self.candidates if candidate.certified)

    @property
    def measured(self) -> tuple[Candidate, ...]:
        """Return what was measured, whatever came of it."""
        return tuple(each for each in self.candidates if each.measured_ms is not None)

    def within(self, budget_ms: float) -> tuple[Candidate, ...]:
        """Return the certified members whose measured upper bound keeps another budget, too."""
        return tuple(candidate for candidate in self.certified if _keeps(candidate, budget_ms))

    def save(self, folder: Path) -> None:
        """Write ``folder/certification.json``, whole or not at all."""
        content = json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"
        write_atomically(folder / CERTIFICATION_FILE, content.encode())

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; of every candidate its error, too."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        for fields, candidate in zip(plain["candidates"], self.candidates, strict=True):
            fields["error"] = candidate.error
        return plain | {"certified": [candidate.arch for candidate in self.certified]}


def load_certification(folder: Path) -> Certification | None:
    """Read ``folder/certification.json``; ``None`` where nothing was certified yet.

    Raises:
        JournalError: The file is damaged, or of an unknown schema version.
    """
    from pydantic import TypeAdapter, ValidationError

    path = folder / CERTIFICATION_FILE
    try:
        text = path.read_text(encoding="utf-8")
        plain = json.loads(text)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise JournalError(f"{path} cannot be read: {error}") from error
    found = plain.get("schema_version") if isinstance(plain, dict) else None
    if found != SCHEMA_VERSION:
        raise JournalError(
            f"{path} has schema version {found!r}; this detfit reads {SCHEMA_VERSION}"
        )
    try:
        return TypeAdapter(Certification).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise JournalError(f"{path}: {where}: {first['msg']}") from error


def _keeps(candidate: Candidate, budget_ms: float) -> bool:
    return candidate.upper_ms is not None and candidate.upper_ms <= budget_ms
