"""What decides the course of a run: the contents of RUN/run.json."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from searchspaces import write_atomically, writing

from ..errors import JournalError, RunError
from ..evaluators.base import Budget
from ..fidelity.fidelity import Fidelity
from ..objectives.objective import Constraint, Objective

SCHEMA_VERSION = 1
RUN_FILE = "run.json"

_NOT_COMPARED = ("schema_version", "versions", "created_at", "evals", "notes")


@dataclass(frozen=True, slots=True)
class ObjectiveConfig:
    """Hold what a file can of an :class:`Objective`: everything but its functions."""

    name: str
    direction: Literal["min", "max"]
    unit: str
    known: bool

    @classmethod
    def of(cls, objective: Objective) -> ObjectiveConfig:
        """Describe an objective."""
        return cls(objective.name, objective.direction, objective.unit, objective.is_known)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Hold what decides the course of a run.

    Attributes:
        space: Name of the space.
        space_options: What makes the space from its name (``make_space(space, **options)``).
        strategy: Name of the strategy.
        strategy_options: All its options, defaults included.
        objectives: The objectives, in the order of the values.
        constraints: Bounds that every proposal keeps.
        alternatives: Indices of constraints of which a proposal keeps at least one, per group.
        evals: Evaluations after which the run is complete.
        batch_size: Architectures asked for at once.
        budget: What one evaluation may cost.
        seed: Seed of the strategy.
        context: Whatever else decides the result, as plain JSON: the evaluator's settings, the
            hashes of predictor and data.
        versions: Versions of detfit and its foundations at the start, for the record.
        created_at: Start of the run, ISO 8601, UTC.
        notes: Anything for the reader, such as where the data lay; not compared on resume.
        fidelity: Rungs of a multi-fidelity run; ``None`` evaluates every candidate whole.
        schema_version: Version of this layout.
    """

    space: str
    space_options: dict[str, Any]
    strategy: str
    strategy_options: dict[str, Any]
    objectives: tuple[ObjectiveConfig, ...]
    constraints: tuple[Constraint, ...]
    evals: int
    batch_size: int
    budget: Budget | None
    seed: int
    context: dict[str, Any]
    versions: dict[str, str]
    created_at: str
    notes: dict[str, Any] = field(default_factory=dict)
    alternatives: tuple[tuple[int, ...], ...] = ()
    fidelity: Fidelity | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def uppers(self) -> dict[str, float]:
        """Return the bound of every constrained objective by its name."""
        return {constraint.objective: constraint.upper for constraint in self.constraints}

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def differences(self, other: RunConfig) -> tuple[tuple[str, Any, Any], ...]:
        """Compare all that decides the course of a run.

        Versions, dates and notes do not; neither does ``evals``, which only says where it ends.

        Returns:
            ``(field, mine, theirs)`` for every field that differs; of nested settings the
            innermost ones, as ``context.device.name``.
        """
        mine, theirs = self.to_dict(), other.to_dict()
        names = [entry.name for entry in fields(self) if entry.name not in _NOT_COMPARED]
        return tuple(part for name in names for part in _differing(name, mine[name], theirs[name]))

    def save(self, folder: Path) -> None:
        """Write ``folder/run.json``, whole or not at all.

        Raises:
            RunError: It cannot be written.
        """
        content = (json.dumps(self.to_dict(), indent=2) + "\n").encode()
        with writing(folder / RUN_FILE, RunError):
            write_atomically(folder / RUN_FILE, content)

    @classmethod
    def load(cls, folder: Path) -> RunConfig:
        """Read ``folder/run.json``.

        Raises:
            RunError: There is no such file.
            JournalError: It is of an unknown schema version, or damaged.
        """
        path = folder / RUN_FILE
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(f"{folder} holds no search run: {RUN_FILE} is missing") from error
        except (OSError, ValueError, RecursionError) as error:
            raise JournalError(f"{path} cannot be read: {error}") from error
        found = plain.get("schema_version") if isinstance(plain, dict) else None
        if found != SCHEMA_VERSION:
            raise JournalError(
                f"{path} has schema version {found!r}; this detfit reads {SCHEMA_VERSION}"
            )
        return _validated(plain, path)


def plain_json(name: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check that a mapping is plain JSON and return it as it will be read back.

    Raises:
        RunError: It holds something that JSON does not.
    """
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(values or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RunError(f"{name} must be plain JSON values: {error}") from error
    return plain


def describe(objectives: Sequence[Objective]) -> tuple[ObjectiveConfig, ...]:
    """Describe the objectives of a run."""
    return tuple(ObjectiveConfig.of(objective) for objective in objectives)


def versions_here() -> dict[str, str]:
    """Return the versions of what a run's course may depend on."""
    return {"python": platform.python_version()} | {
        name: _version(name) for name in ("detfit", "numpy", "moocore")
    }


def now() -> str:
    """Return the time, ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _validated(plain: dict[str, Any], path: Path) -> RunConfig:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(RunConfig).validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise JournalError(f"{path}: {where}: {first['msg']}") from error


def _differing(name: str, mine: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in dict.fromkeys((*mine, *theirs)):
            yield from _differing(f"{name}.{key}", mine.get(key), theirs.get(key))
    elif mine != theirs:
        yield name, mine, theirs
