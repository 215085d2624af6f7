"""Look evaluations up in a file of known results."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EvaluationError, TableError
from .base import Budget

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

CODE_COLUMN = "arch"
SUFFIXES = (".json", ".jsonl", ".csv")

Row = tuple[str, str, Mapping[str, Any]]
"""Where it stands (for errors), the architecture's code, name -> raw value."""


class TableEvaluator:
    """Answer from known results.

    Args:
        results: Architecture (canonical) -> objective name -> value; a missing name or NaN is a
            result that is known to have failed.
        space: Gives the canonical form and the code.

    Example:
        >>> from searchspaces import make_space
        >>> space = make_space("detnas-nano")
        >>> arch = space.decode("00-00-0000-00")
        >>> TableEvaluator({arch: {"ap": 31.5}}, space).evaluate(arch)
        {'ap': 31.5}
    """

    def __init__(
        self, results: Mapping[Architecture, Mapping[str, float]], space: SearchSpace
    ) -> None:
        self._results = dict(results)
        self._space = space

    @classmethod
    def from_file(
        cls, path: Path | str, space: SearchSpace, columns: Mapping[str, str] | None = None
    ) -> TableEvaluator:
        """Read a table of results.

        ``.json`` holds ``{code: {name: value}}``; ``.jsonl`` one ``{"arch": code, name: value}``
        a line; ``.csv`` a header with ``arch`` and the names. An empty cell, ``null`` or NaN
        marks a result that is known to have failed.

        Args:
            path: The file.
            space: Reads the codes.
            columns: Objective name -> name in the file, for what is to be read; ``None`` reads
                everything under its own name.

        Raises:
            TableError: The file is missing or malformed, names something that the space does not
                hold, or an architecture twice; the message names the line or the entry.
        """
        results: dict[Architecture, dict[str, float]] = {}
        places: dict[Architecture, str] = {}
        for place, code, raw in _rows(Path(path)):
            architecture = _architecture(space, code, place)
            if architecture in places:
                raise TableError(f"{place}: {code} stands already in {places[architecture]}")
            places[architecture] = place
            results[architecture] = _numbers(raw, columns, place)
        if not results:
            raise TableError(f"{path} holds no results")
        return cls(results, space)

    def __len__(self) -> int:
        """Return the number of architectures."""
        return len(self._results)

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        """Return what the table holds; the budget has no meaning here.

        Raises:
            EvaluationError: The table does not hold the architecture.
        """
        canonical = self._space.canonical(architecture)
        if canonical not in self._results:
            code = self._space.encode(canonical)
            raise EvaluationError(f"the table of {len(self)} results does not hold {code}")
        return dict(self._results[canonical])


def _rows(path: Path) -> Iterator[Row]:
    readers = {".json": _json_rows, ".jsonl": _jsonl_rows, ".csv": _csv_rows}
    if path.suffix not in readers:
        raise TableError(f"{path}: a table ends in {', '.join(SUFFIXES)}, not {path.suffix!r}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path} cannot be read: {error}") from error
    return readers[path.suffix](path, text)


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    table = _parse(text, path, 1)
    if not isinstance(table, dict):
        raise TableError(f"{path} must hold one object {{code: {{name: value}}}}")
    for code, raw in table.items():
        place = f"{path}, entry {code!r}"
        yield place, code, _object(raw, place)


def _jsonl_rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{path}, line {number}"
            raw = _object(_parse(line, path, number), place)
            yield place, _code(raw, place), {k: v for k, v in raw.items() if k != CODE_COLUMN}


def _csv_rows(path: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    try:
        header = reader.fieldnames or []
        if CODE_COLUMN not in header or len(set(header)) != len(header):
            raise TableError(f"{path}, line 1: needs different names, one of them {CODE_COLUMN!r}")
        for raw in reader:
            place = f"{path}, line {reader.line_num}"
            if "" in raw or None in raw.values():
                raise TableError(f"{place}: must have {len(header)} cells as the header has")
            yield place, _code(raw, place), {k: v for k, v in raw.items() if k != CODE_COLUMN}
    except csv.Error as error:
        raise TableError(f"{path}, after line {reader.line_num}: {error}") from error


def _parse(text: str, path: Path, first_line: int) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise TableError(f"{path}, line {line}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise TableError(f"{path}, line {first_line} or below: {error}") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice")
    return dict(pairs)


def _object(raw: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise TableError(f"{place}: must be an object {{name: value}}, got {raw!r:.60}")
    return raw


def _code(raw: Mapping[str, Any], place: str) -> str:
    code = raw.get(CODE_COLUMN)
    if not isinstance(code, str) or not code:
        raise TableError(f"{place}: {CODE_COLUMN!r} must be an architecture's code, got {code!r}")
    return code


def _architecture(space: SearchSpace, code: str, place: str) -> Architecture:
    try:
        return space.canonical(space.decode(code))
    except ValueError as error:
        raise TableError(f"{place}: {error}") from error


def _numbers(
    raw: Mapping[str, Any], columns: Mapping[str, str] | None, place: str
) -> dict[str, float]:
    wanted = {name: name for name in raw} if columns is None else columns
    missing = [column for column in wanted.values() if column not in raw]
    if missing:
        raise TableError(f"{place}: no column {missing[0]!r}; there are {', '.join(raw)}")
    return {name: _number(raw[column], column, place) for name, column in wanted.items()}


def _number(value: Any, column: str, place: str) -> float:
    if value is None or value == "":
        return math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise TableError(f"{place}: {column!r} must be a number, got {value!r:.60}")
