"""Make a table of the values that a foreign file holds."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from engines import Measurement
from searchspaces import ModuleSpec, SearchSpaceError

from ..errors import TableError
from ..tables.bulk import without_collection
from ..tables.manifest import Manifest
from ..tables.row import Row
from ..tables.row_text import module_workload
from ..tables.table import LatencyTable
from ..workloads.workload import CHAIN, COST_INSIDE, DETECTOR, MODULE
from .origin import Origin

UNKNOWN_TIME = "1970-01-01T00:00:00+00:00"  # a measurement must have a time, the file has none
MAX_BYTES = 2**30  # of a file, unpacked; the largest published table has 70,598 rows in 3 MB
MAX_NAMED = 20  # values that a note lists one by one


@dataclass(frozen=True, slots=True)
class Value:
    """Hold one entry of a foreign file.

    Attributes:
        where: Where it stands, such as ``line 7``.
        spec: What was timed.
        raw_ms: Samples, or the one statistic that the file holds; empty where it failed.
        error: Why it failed, where it did.
        converged: Whether the file says that samples bound their median as wanted.
    """

    where: str
    spec: ModuleSpec
    raw_ms: tuple[float, ...]
    error: str | None = None
    converged: bool = False


def make_table(
    path: Path,
    format_name: str,
    origin: Origin,
    values: Iterable[Value],
    notes: Sequence[str] = (),
    *,
    repeats: bool = False,
) -> LatencyTable:
    """Make a table of module times, empty where nothing has a module here.

    One number without samples becomes a measurement of one sample: it has no interval and never
    counts as converged.

    Args:
        path: The file, for the notes.
        format_name: Its format.
        origin: What it does not say.
        values: What it holds.
        notes: What got lost on the way, where something did; read after all values.
        repeats: Whether a module may occur again, which then is a replicate.

    Raises:
        TableError: A module occurs twice or is of another precision.
    """
    rows = _Rows(path, origin, repeats)
    with without_collection():
        for value in values:
            rows.add(value)
    batches = sorted({row.workload.graph.nodes[0].spec.batch for row in rows.rows})
    manifest = Manifest(
        rows.device,
        rows.protocol,
        origin.batch or min(batches, default=1),
        {"name": format_name},
        {"detfit": _version()},
        0,
        notes=(*_provenance(path, format_name, batches), *notes),
    )
    return LatencyTable(manifest, tuple(rows.rows))


class _Rows:
    """Collect rows; device and protocol are shared by all."""

    def __init__(self, path: Path, origin: Origin, repeats: bool) -> None:
        self.rows: list[Row] = []
        self.device, self.protocol = origin.device_info, origin.protocol
        self._path, self._origin, self._repeats = path, origin, repeats
        self._first: dict[ModuleSpec, str] = {}
        self._counts: dict[ModuleSpec, int] = {}

    def add(self, value: Value) -> None:
        spec, place = value.spec, f"{self._path}, {value.where}"
        if spec.dtype != self._origin.precision:
            raise TableError(
                f"{place}: the module's precision is {spec.dtype}, not {self._origin.precision} "
                f"as asked for: {spec}"
            )
        if self._origin.batch not in (None, spec.batch):
            return
        replicate = self._counts.get(spec, 0)
        if replicate and not self._repeats:
            raise TableError(f"{place}: repeats {self._first[spec]} ({spec})")
        self._first.setdefault(spec, value.where)
        self._counts[spec] = replicate + 1
        measurement = None if value.error is not None else self._measurement(value)
        try:
            workload = module_workload(spec)
        except SearchSpaceError as error:  # the module contradicts its kind
            raise TableError(f"{place}: {error}") from error
        self.rows.append(Row(workload, replicate, measurement, value.error))

    def _measurement(self, value: Value) -> Measurement:
        return Measurement(
            raw_ms=value.raw_ms,
            warmup_ms=(),
            block_runs=1,
            protocol=self.protocol,
            device=self.device,
            converged=value.converged,
            steady=value.converged,
            started_at=UNKNOWN_TIME,
        )


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line of a UTF-8 file, unpacked where its name ends in .gz.

    Raises:
        TableError: The file is missing, no such text, damaged, or too large.
    """
    return enumerate(read_text(path).split("\n"), start=1)


def read_text(path: Path) -> str:
    """Return a whole UTF-8 file, unpacked where its name ends in .gz.

    Raises:
        TableError: The file is missing, no such text, damaged, or too large.
    """
    try:
        with path.open("rb") as packed:
            file = gzip.GzipFile(fileobj=packed) if path.suffix == ".gz" else packed
            data = file.read(MAX_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TableError(f"{path} is a damaged gzip file: {error}") from error
    except FileNotFoundError:
        raise TableError(f"there is no file {path}") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise TableError(f"{path} holds more than {MAX_BYTES} bytes; that is no table of modules")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TableError(f"{path}, line {line}: this is no UTF-8 text: {error.reason}") from None


def spec_of_name(name: str) -> ModuleSpec | None:
    """Return the module of a name that is a module key, which is how exports name them."""
    try:
        return ModuleSpec.parse(name)
    except SearchSpaceError:
        return None


def positive_ms(where: str, name: str, value: object) -> float:
    """Return a value that has to be a finite number above 0.

    Raises:
        TableError: It is not; names file, line and field.
    """
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if number is None or not 0 < number < float("inf"):
        raise TableError(f"{where}: {name} must be a finite number above 0, got {value!r}")
    return float(number)


def listed(names: Sequence[str]) -> str:
    """Return names for a note: the first ones, and how many more there are."""
    more = len(names) - MAX_NAMED
    return "; ".join(names[:MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")


def other_roles(table: LatencyTable) -> tuple[str, ...]:
    """Say how many chains and detectors a table holds, which no foreign format can."""
    count = sum(w.role in (CHAIN, DETECTOR) for w in table.workloads.values())
    return (f"{count} chains and whole detectors are not written",) if count else ()


def modules_in(table: LatencyTable) -> int:
    """Return how many modules a table has a time of."""
    return len(table.entries)


def remarks_of(table: LatencyTable) -> dict[ModuleSpec, str]:
    """Return what is to be said of modules that were not timed alone."""
    return {
        workload.graph.nodes[0].spec: workload.label
        for workload in table.workloads.values()
        if workload.role == MODULE and workload.label.startswith(COST_INSIDE)
    }


def _provenance(path: Path, format_name: str, batches: Sequence[int]) -> tuple[str, ...]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return (
        f"imported from {path.name} (sha256 {digest}) as {format_name}; batch sizes of the "
        f"modules: {', '.join(map(str, batches)) or 'none'}",
        "the source says neither when nor how it was timed: times of day and every field of the "
        "protocol but the precision are placeholders",
    )


def _version() -> str:
    try:
        return metadata.version("detfit")
    except metadata.PackageNotFoundError:
        return "not installed"
