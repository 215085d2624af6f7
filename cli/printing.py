"""Print results: fields and tables for people, JSON for machines, words on standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from .exits import EXIT_BROKEN_PIPE

INLINE_WIDTH = 60  # characters of a list that still stands on the line of its name
LISTED = 10  # entries of a list of any length that people are shown


def say(text: str) -> None:
    """Print a line on standard error, which is not part of the result."""
    typer.echo(text, err=True)


def emit(fields: Any, as_json: bool, view: Any = None) -> None:
    """Print a result: all of it as JSON for machines; a view of it for people.

    Args:
        fields: A mapping, or rows: a sequence of mappings.
        as_json: Whether ``--json`` was given.
        view: What people see; ``fields`` if left out.

    Raises:
        typer.Exit: With ``EXIT_BROKEN_PIPE`` if nobody reads it.
    """
    if as_json:
        text = json.dumps(jsonable(fields), indent=2, allow_nan=False) + "\n"
    else:
        text = rendered(fields if view is None else view)
    try:
        typer.echo(_writable(text), nl=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads the rest
        raise typer.Exit(EXIT_BROKEN_PIPE) from None


def _writable(text: str) -> str:
    """Escape what standard output cannot take: names that are no UTF-8, signs beyond ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def jsonable(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: jsonable(item) for name, item in value.items()}
    return [jsonable(item) for item in value] if isinstance(value, list | tuple) else value


def shortened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Cut long lists for people; --json has them whole."""
    return dict(_cut(name, value) for name, value in fields.items())


def _cut(name: str, value: Any) -> tuple[str, Any]:
    """Return a field, cut if it is a long list; of rows, which share columns, the name says it."""
    if not isinstance(value, list) or len(value) <= LISTED + 1:
        return name, value
    if isinstance(value[0], Mapping):
        return f"{name}, {LISTED} of {len(value)}", value[:LISTED]
    return name, [*value[:LISTED], f"... and {len(value) - LISTED} more"]


def compact(number: float) -> str:
    """Write a count with three digits: 60652800 as ``60.7 M``."""
    rounded = float(f"{number:.3g}")
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rounded >= size:
            return f"{rounded / size:.3g} {unit}"
    return str(number)


def cell(value: Any) -> str:
    """Write a value as one piece of text; what is missing as ``-``."""
    from rich.markup import escape

    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value != value or value in ((), [], {}, ""):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return escape(str(value))


def rendered(fields: Any) -> str:
    """Return fields, or rows, as the text that people see."""
    from rich.console import Console

    console = Console(highlight=False)
    with console.capture() as captured:
        if isinstance(fields, Mapping):
            _print_fields(console, fields, "")
        else:
            _print_table(console, fields)
    return captured.get()


def _print_fields(console: Any, fields: Mapping[str, Any], indent: str) -> None:
    for name, value in fields.items():
        nested = isinstance(value, Mapping) and bool(value)
        rows = isinstance(value, list | tuple) and len(cell(value)) > INLINE_WIDTH
        heading = f"{indent}[bold]{cell(name)}[/bold]:"
        console.print(heading if nested or rows else f"{heading} {cell(value)}", soft_wrap=True)
        if nested:
            _print_fields(console, value, indent + "  ")
        elif rows and isinstance(value[0], Mapping):
            _print_table(console, value)
        elif rows:
            for item in value:
                console.print(f"{indent}  - {cell(item)}", soft_wrap=True)


def _print_table(console: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        number = all(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in columns))
    console.print(table)
