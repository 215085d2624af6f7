"""The command line: parse, call one function, print. No logic lives here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

EXIT_FAILED, EXIT_MISUSE, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Profile a device, search a detector under a latency budget, export a verified engine.",
)
table_app = typer.Typer(no_args_is_help=True, help="Show and merge latency tables.")
app.add_typer(table_app, name="table")

Json = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")]
Space = Annotated[str, typer.Option("--space", help="Search space; `detfit spaces` lists them.")]
Head = Annotated[str, typer.Option(help="Detector around the backbone: fpn or retinanet.")]
Input = Annotated[str | None, typer.Option("--input", help="Network input as WIDTHxHEIGHT.")]
Classes = Annotated[int, typer.Option(help="Classes without background.")]
Engine = Annotated[str, typer.Option(help="Engine; `detfit doctor` lists them.")]
Device = Annotated[str, typer.Option(help="cpu or cuda:0.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Progress = Callable[[str, float, float], None]


def main() -> None:
    """Run the command line; bad input ends in one line and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        _say("interrupted; what is finished is saved, --resume goes on")
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if not isinstance(error, _user_errors()):
            raise
        _say(f"error: {' '.join(str(error).split())}")
        sys.exit(EXIT_MISUSE)


def _user_errors() -> tuple[type[Exception], ...]:
    from detection import DetectionError
    from engines import EngineError
    from export import ExportError
    from latency import LatencyError
    from search import SearchError
    from searchspaces import SearchSpaceError

    return (
        DetectionError,
        EngineError,
        ExportError,
        LatencyError,
        SearchError,
        SearchSpaceError,
    )


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _emit(fields: Any, as_json: bool) -> None:
    """Print a result: JSON for machines; tables and `name: value` lines for people."""
    if as_json:
        typer.echo(json.dumps(fields, indent=2))
        return
    from rich.console import Console

    _render(Console(), fields)


def _render(console: Any, fields: Any) -> None:
    from rich.table import Table

    if isinstance(fields, Mapping):
        for name, value in fields.items():
            nested = isinstance(value, list) and value and isinstance(value[0], Mapping)
            if nested:
                console.print(f"[bold]{name}[/bold]")
                _render(console, value)
            else:
                console.print(f"[bold]{name}[/bold]: {_cell(value)}", highlight=False)
        return
    table = Table()
    columns = list(dict.fromkeys(name for row in fields for name in row))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in fields:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    console.print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(_cell(item) for item in value) or "none"
    return escape(str(value))


@contextmanager
def _progress(quiet: bool = False) -> Iterator[Progress]:
    """Show a bar with the time left on a terminal, plain lines elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield _plain_progress()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bar,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda message, done, total: bar.update(
            task, description=message[:60], completed=done, total=total
        )


def _plain_progress() -> Progress:
    import time

    started, last = time.monotonic(), [float("-inf")]

    def show(message: str, done: float, total: float) -> None:
        now = time.monotonic()
        if now - last[0] < 10 and done < total:
            return
        last[0] = now
        left = (now - started) / done * (total - done) if done else float("nan")
        _say(
            f"[{now - started:6.0f} s] {done:.0f}/{total:.0f} {message} (about {left:.0f} s left)"
        )

    return show


def _space_options(head: str, input_size: str | None, classes: int) -> dict[str, Any]:
    from searchspaces import parse_size

    size = parse_size(input_size) if input_size else None
    return {"head": head, "input_hw": size, "num_classes": classes}


@app.command()
def doctor(json_: Json = False) -> None:
    """Say which engines work here, what the device is, and what makes its timing unstable.

    Example: `detfit doctor --json`
    """
    from engines import diagnose

    _emit(diagnose(), json_)


@app.command()
def spaces(
    name: Annotated[str | None, typer.Argument(help="One space; all if left out.")] = None,
    json_: Json = False,
) -> None:
    """List the search spaces with their exact sizes.

    Example: `detfit spaces detnas-small`
    """
    from searchspaces import describe_spaces

    rows = describe_spaces(name)
    _emit(rows if json_ else [{**row, "size": f"{row['size']:,}"} for row in rows], json_)


@app.command()
def show(
    arch: Annotated[str, typer.Argument(help="space:code")],
    head: Head = "fpn",
    input_size: Input = None,
    classes: Classes = 80,
    elementwise: Annotated[
        bool, typer.Option(help="Add normalisation and activation to the MACs, as papers do.")
    ] = False,
    json_: Json = False,
) -> None:
    """Decode an architecture: modules, multiply-adds per part, parameters.

    Example: `detfit show detnas-small:2120-2112-33130031-3132 --input 800x600`
    """
    from searchspaces import describe_detector, parse_arch

    space, architecture = parse_arch(arch, **_space_options(head, input_size, classes))
    _emit(describe_detector(space, architecture, elementwise=elementwise), json_)


@app.command()
def profile(
    output: Annotated[Path, typer.Option("-o", "--output", help="Table to write (.jsonl).")],
    space: Space = "detnas-small",
    engine: Engine = "onnxruntime",
    device: Device = "cpu",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    batch: Annotated[int, typer.Option(help="Images per run.")] = 1,
    threads: Annotated[int, typer.Option(help="CPU threads of the engine.")] = 1,
    head: Head = "fpn",
    input_size: Input = None,
    classes: Classes = 80,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after this long with the best table so far.")
    ] = None,
    detectors: Annotated[int, typer.Option(help="Whole detectors for closure.")] = 16,
    modules: Annotated[bool, typer.Option(help="Measure chains of modules.")] = True,
    isolated: Annotated[bool, typer.Option(help="Also time each module alone.")] = False,
    replicates: Annotated[int, typer.Option(help="Repetitions with new engines.")] = 2,
    seconds: Annotated[float, typer.Option(help="At most this long per measurement.")] = 2.0,
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Measure a space's modules in context, and whole detectors, on an engine.

    Example: `detfit profile --space detnas-nano --engine onnxruntime --minutes 5 -o cpu.jsonl`

    Held-out detectors: `detfit profile --space detnas-nano --no-modules --seed 1 -o held.jsonl`
    """
    from engines import TimingProtocol, get_backend
    from latency import ProfileConfig, describe_table, profile as run
    from searchspaces import make_space

    options = _space_options(head, input_size, classes)
    config = ProfileConfig(
        protocol=TimingProtocol(threads=threads, precision=precision, max_seconds=seconds),
        device=device,
        batch=batch,
        detectors=detectors,
        modules=modules,
        isolated=isolated,
        replicates=replicates,
        minutes=minutes,
        seed=seed,
    )
    made, backend = make_space(space, **options), get_backend(engine)
    with _progress() as progress:
        table = run(
            made,
            backend,
            config,
            output,
            space_options=options,
            resume=resume,
            progress=progress,
        )
    _emit(describe_table(table), json_)


@app.command()
def fit(
    table: Annotated[Path, typer.Argument(help="Latency table.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Predictor to write (.json).")],
    json_: Json = False,
) -> None:
    """Fit a predictor of milliseconds on a table.

    Example: `detfit fit cpu.jsonl -o cpu.json`
    """
    from latency import describe_predictor, fit as run, read_table, save_predictor

    predictor = run(read_table(table))
    save_predictor(output, predictor)
    _emit(describe_predictor(predictor), json_)


@app.command()
def evaluate(
    predictor: Annotated[Path, typer.Argument(help="Predictor.")],
    held_out: Annotated[Path, typer.Argument(help="Table with other whole detectors.")],
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.9,
    json_: Json = False,
) -> None:
    """Compare predictions with measured detectors that were kept out of the fit.

    Example: `detfit evaluate cpu.json held.jsonl`
    """
    from latency import describe_evaluation, evaluate as run, load_predictor, read_table

    result = run(load_predictor(predictor), read_table(held_out), confidence)
    _emit(describe_evaluation(result), json_)


@app.command()
def predict(
    archs: Annotated[list[str], typer.Argument(help="space:code ...")],
    predictor: Annotated[Path, typer.Option("-t", "--predictor", help="Fitted predictor.")],
    confidence: Annotated[float, typer.Option(help="Of the interval.")] = 0.9,
    json_: Json = False,
) -> None:
    """Predict the latency of architectures, with an interval and the share of each module.

    Example: `detfit predict -t cpu.json detnas-nano:00-00-0000-00`
    """
    from latency import load_predictor, predict_archs

    rows = predict_archs(load_predictor(predictor), archs, confidence)
    if not json_:
        for row in rows:
            del row["breakdown"]
    _emit(rows, json_)


@table_app.command("show")
def table_show(
    table: Annotated[Path, typer.Argument(help="Latency table.")], json_: Json = False
) -> None:
    """Say what a table holds: device, protocol, measurements, what is unstable or failed.

    Example: `detfit table show cpu.jsonl`
    """
    from latency import describe_table, read_table

    _emit(describe_table(read_table(table)), json_)


@table_app.command("merge")
def table_merge(
    tables: Annotated[list[Path], typer.Argument(help="Tables of one device and protocol.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Table to write.")],
    json_: Json = False,
) -> None:
    """Join tables of one device and protocol; anything else is refused by field.

    Example: `detfit table merge a.jsonl b.jsonl -o both.jsonl`
    """
    from latency import describe_table, merge_tables

    _emit(describe_table(merge_tables(tables, output)), json_)


if __name__ == "__main__":
    main()
