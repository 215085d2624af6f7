"""Latency tables: the commands of ``detfit table``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..exits import EXIT_FAILED, exit_unless
from ..groups import DetectorOptions
from ..options import Json, Precision, Seed, Table, Tables, positive, to_file
from ..printing import LISTED, emit, say, shortened

FORMATS_HELP = "Foreign format: csv, ofa-yaml, tinynas-conv or trtexec-json."
FormatName = Annotated[str, typer.Option("--format", help=FORMATS_HELP)]


def table_show(table: Table, json_: Json = False) -> None:
    """Say what a table holds: device, protocol, measurements, what is unstable or failed.

    Example: `detfit table show cpu.jsonl`
    """
    from latency import describe_table, read_table

    fields = describe_table(read_table(table))
    emit(fields, json_, shortened(fields))


def table_merge(
    tables: Tables,
    output: Annotated[Path, to_file("Table to write.")],
    json_: Json = False,
) -> None:
    """Join tables of one device and protocol; anything else is refused by field.

    They may be of several spaces, which a note then says: a module is one wherever it stands.

    Example: `detfit table merge a.jsonl b.jsonl -o both.jsonl`
    """
    from latency import describe_table, merge_tables

    fields = describe_table(merge_tables(tables, output))
    emit(fields, json_, shortened(fields))


def table_diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="Table before.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Table after, of the same device.")],
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", help="Limit beyond which the exit code is 1: 'slower>2%'."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Field that may differ, too, such as device.uuid; repeatable."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit code 1, too, where --fail-on is not decided."),
    ] = False,
    json_: Json = False,
) -> None:
    """Compare two tables of one device: another driver or runtime, say.

    A change counts if it is significant among all that were compared (Holm, 1 % for any false
    alarm) and, for `--fail-on`, larger than the limit. Exit code 1 if the limit is broken. Kinds
    of which the tables cannot tell are named as undecided, with what to measure.

    Example: `detfit table diff trt10.3.jsonl trt10.4.jsonl --fail-on "slower>2%"`
    """
    from latency import compare_tables

    fields = compare_tables(before, after, fail_on, allow or (), strict=strict)
    emit(fields, json_, _diff_view(fields))
    exit_unless(fields["passed"])


def _diff_view(fields: Mapping[str, Any]) -> dict[str, Any]:
    by_themselves = ("workloads", "kinds", "significant", "undecided")
    view = {name: value for name, value in fields.items() if name not in by_themselves}
    return {
        **shortened(view),
        "significant": _change_rows(fields["significant"][:LISTED]),
        "undecided": _undecided_rows(fields["undecided"]),
        "kinds": _change_rows(fields["kinds"]),
    }


def _change_rows(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": change["name"],
            "before_ms": change["a_ms"],
            "after_ms": change["b_ms"],
            "change": f"{change['change']:+.1%}",
            "interval": _interval(change),
            "p": f"{change['p']:.1g}",
            "significant": change["significant"],
        }
        for change in changes
    ]


def _undecided_rows(kinds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": kind["name"],
            "interval": _interval(kind),
            "shown from": f"{kind['smallest_shown']:.1%}",
            "replicates": kind["replicates"],
        }
        for kind in kinds
    ]


def _interval(change: Mapping[str, Any]) -> str:
    return f"{change['lo']:+.1%} to {change['hi']:+.1%}"


def table_import(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Foreign file; .gz is unpacked.")],
    format_: FormatName,
    device: Annotated[
        str, typer.Option(help="V100, T4, A100, ..., or spelled out: 'cuda/Tesla P4/20'.")
    ],
    output: Annotated[Path, to_file("Table to write (.jsonl).")],
    precision: Precision = "fp32",
    engine: Annotated[
        str | None, typer.Option(help="Runtime, where the format does not imply it.")
    ] = None,
    engine_version: Annotated[str, typer.Option(help="Version of the runtime.")] = "unknown",
    batch: Annotated[
        int | None, typer.Option(min=1, help="Keep only modules of this batch; all if left out.")
    ] = None,
    arch: Annotated[
        str | None, typer.Option(help="What a profile by layers is of: space:code or zoo:NAME.")
    ] = None,
    layers: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Nodes of its layers, as `trtexec --exportLayerInfo` writes them."
        ),
    ] = None,
    *,
    detector: DetectorOptions,
    json_: Json = False,
) -> None:
    """Make a table of a foreign file; what that does not say is noted as unknown.

    Example: `detfit table import --format tinynas-conv conv.txt.gz --device V100 -o V.jsonl`

    A profile by layers: `detfit table import --format trtexec-json profile.json --device V100
    --arch zoo:E3 -o E3.jsonl`
    """
    from latency import describe_import, import_table, make_origin

    origin = make_origin(
        format_,
        device,
        precision=precision,
        engine=engine,
        engine_version=engine_version,
        batch=batch,
        arch=arch,
        space_options=detector.asked(),
        layers=layers,
    )
    emit(describe_import(import_table(source, output, format_, origin)), json_)


def table_export(
    table: Table,
    format_: FormatName,
    output: Annotated[Path, to_file("File to write.")],
    in_context: Annotated[
        bool,
        typer.Option(
            "--in-context",
            help="Costs of modules inside a detector, though they were timed alone, too.",
        ),
    ] = False,
    json_: Json = False,
) -> None:
    """Write a table in a foreign format and say what that cannot hold.

    Of a profile without `--isolated` formats of modules get what each costs inside a detector.
    Exit code 1 where the table holds nothing that the format can.

    Example: `detfit table export cpu.jsonl --format csv -o cpu.csv`
    """
    from latency import NothingToExportError, export_table

    try:
        lost = export_table(table, output, format_, costs_in_context=in_context)
    except NothingToExportError as error:
        say(f"error: {error}")
        raise typer.Exit(EXIT_FAILED) from None
    emit({"path": str(output), "lost": list(lost)}, json_)


def table_split(
    table: Table,
    output: Annotated[
        tuple[Path, Path],
        typer.Option("-o", "--output", metavar="TRAIN HELD", help="The two tables to write."),
    ],
    fraction: Annotated[
        float, typer.Option(callback=positive, help="Share to hold out, below 1.")
    ] = 0.2,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Hold out random modules and detectors, each with all its replicates; chains stay.

    Example: `detfit table split V.jsonl --fraction 0.2 --seed 0 -o train.jsonl held.jsonl`
    """
    from latency import split_file

    parts = split_file(table, fraction, seed, *output)
    emit(
        {
            name: {"path": str(path), "measured": len(part.measurements)}
            for name, path, part in zip(("train", "held"), output, parts, strict=True)
        },
        json_,
    )
