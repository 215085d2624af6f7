"""The command line: parse, call one function, print. No logic lives here."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

EXIT_FAILED, EXIT_MISUSE, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 130, 141
INLINE_WIDTH = 60  # characters of a list that still stands on the line of its name
PLAIN_EVERY_S = 10  # between two lines of progress where there is no terminal
QUIET_S = 1  # what ends or fails sooner needs no progress
LISTED = 10  # entries of a list of any length that people are shown
FORMATS_HELP = "csv, ofa-yaml, tinynas-conv or trtexec-json."
MESSAGE_CHARS = 1000  # of an error; longer ones echo some value whole

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Profile a device, search a detector under a latency budget, export a verified engine.",
)
table_app = typer.Typer(no_args_is_help=True, help="Show, merge, compare, convert latency tables.")
app.add_typer(table_app, name="table")
data_app = typer.Typer(no_args_is_help=True, help="Make data sets.")
app.add_typer(data_app, name="data")
bundle_app = typer.Typer(no_args_is_help=True, help="Look at exported bundles.")
app.add_typer(bundle_app, name="bundle")

Progress = Callable[[str, float, float], None]
UsageError = typer.BadParameter.__bases__[0]  # click's own, which newer releases of typer vendor


def _positive(value: float | None) -> float | None:
    if value is not None and not value > 0:  # NaN is refused, too
        raise typer.BadParameter(f"{value:g} is not above 0.")
    return value


def _svg(path: Path | None) -> Path | None:
    """Refuse before the work what could not be written, or would be mistaken, after it."""
    if path is not None and path.suffix.lower() != ".svg":
        raise typer.BadParameter(f"'{path}' does not end in .svg, the only format of pictures.")
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise typer.BadParameter(f"'{path}' is a folder or in a folder that does not exist.")
    return path


def _to_file(what: str) -> Any:
    return typer.Option("-o", "--output", dir_okay=False, help=what)


def _to_folder(what: str) -> Any:
    return typer.Option("-o", "--output", file_okay=False, help=what)


Json = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")]
Space = Annotated[str, typer.Option("--space", help="Search space; `detfit spaces` lists them.")]
Head = Annotated[
    str | None,
    typer.Option(help="Detector around the backbone where the space offers several: fpn, ..."),
]
SpaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="NAME=VALUE", help="Another option of the space; repeatable."
    ),
]
Input = Annotated[str | None, typer.Option("--input", help="Network input as WIDTHxHEIGHT.")]
Classes = Annotated[int, typer.Option(min=1, max=100_000, help="Classes without background.")]
Proposals = Annotated[
    int | None, typer.Option(min=1, help="Boxes given to the second stage, after NMS.")
]
Engine = Annotated[str, typer.Option(help="Engine; `detfit doctor` lists them.")]
EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine-option",
        metavar="NAME=VALUE",
        help="How the engine builds, `detfit doctor` lists what each takes; repeatable.",
    ),
]
Precision = Annotated[str, typer.Option(help="fp32, fp16 or int8.")]
Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Images per run.")]
Threads = Annotated[int, typer.Option(min=1, max=1024, help="CPU threads of the engine.")]
Device = Annotated[str, typer.Option(help="cpu or cuda:0.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder in COCO's layout.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only the first images.")]
Budget = Annotated[
    float | None, typer.Option("--budget-ms", callback=_positive, help="Latency budget.")
]
Steps = Annotated[int, typer.Option(min=1, max=10**9, help="Optimiser steps.")]
Rate = Annotated[float, typer.Option("--lr", min=0, help="Learning rate after the warm-up.")]
BatchSize = Annotated[int, typer.Option(min=1, max=100_000, help="Images per optimiser step.")]
Optimizer = Annotated[str, typer.Option(help="sgd or adamw.")]
Workers = Annotated[int, typer.Option("--data-workers", min=0, help="Processes that read images.")]


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; bad input ends in one line and exit code 2."""
    try:
        code = app(args=args, prog_name="detfit", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except Exception as error:
        if not isinstance(error, _user_errors()):
            raise
        code = _refuse(error)
    if code == EXIT_INTERRUPTED:
        _say("interrupted; what is finished is saved: --resume goes on with it")
    sys.exit(code)


def _user_errors() -> tuple[type[Exception], ...]:
    from detection import DetectionError
    from engines import EngineError
    from export import ExportError
    from latency import LatencyError
    from search import SearchError
    from searchspaces import SearchSpaceError

    return (
        UsageError,
        OSError,
        DetectionError,
        EngineError,
        ExportError,
        LatencyError,
        SearchError,
        SearchSpaceError,
    )


def _refuse(error: Exception) -> int:
    """Say in one line what was wrong, or show the help where no command was given."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    if isinstance(error, UsageError):
        text = error.format_message()  # type: ignore[attr-defined]
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(text)
            return EXIT_MISUSE
    context = getattr(error, "ctx", None)  # of click: the command that was misused
    if context is not None:
        text = f"{text.rstrip('.')}; see `{context.command_path} --help`"
    line = " ".join(text.split())
    if len(line) > MESSAGE_CHARS:
        line = f"{line[: MESSAGE_CHARS // 2]} ... {line[-MESSAGE_CHARS // 2 :]}"
    _say(f"error: {line}")
    return EXIT_MISUSE


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _emit(fields: Any, as_json: bool, view: Any = None) -> None:
    """Print a result: all of it as JSON for machines; a view of it for people."""
    if as_json:
        text = json.dumps(_jsonable(fields), indent=2, allow_nan=False) + "\n"
    else:
        text = _rendered(fields if view is None else view)
    try:
        typer.echo(text, nl=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads the rest
        raise typer.Exit(EXIT_BROKEN_PIPE) from None


def _jsonable(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _jsonable(item) for name, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value


def _rendered(fields: Any) -> str:
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
        rows = isinstance(value, list | tuple) and len(_cell(value)) > INLINE_WIDTH
        heading = f"{indent}[bold]{_cell(name)}[/bold]:"
        console.print(heading if nested or rows else f"{heading} {_cell(value)}", soft_wrap=True)
        if nested:
            _print_fields(console, value, indent + "  ")
        elif rows and isinstance(value[0], Mapping):
            _print_table(console, value)
        elif rows:
            for item in value:
                console.print(f"{indent}  - {_cell(item)}", soft_wrap=True)


def _print_table(console: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich import box
    from rich.table import Table

    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        number = all(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console.print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value != value or value in ((), [], {}, ""):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value)
    return escape(str(value))


def _compact(number: float) -> str:
    """Write a count with three digits: 60652800 as ``60.7 M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar with the time left on a terminal, plain lines elsewhere; on stderr only."""
    if not sys.stderr.isatty():
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
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task, stage = bar.add_task("", total=None), _Stage()

        def show(message: str, done: float, total: float) -> None:
            if stage.starts(done, total):  # the speed of the last stage says nothing about it
                bar.reset(task, total=total, completed=int(done), description="")
            bar.update(task, description=message[:40], completed=done, total=total)

        yield show


def _plain_progress() -> Progress:
    began, stage, last = time.monotonic(), _Stage(), [-math.inf]

    def show(message: str, done: float, total: float) -> None:
        now, new = time.monotonic(), stage.starts(done, total)
        waiting = now - last[0] < PLAIN_EVERY_S and done < total and not new
        if waiting or now - began < QUIET_S:
            return
        last[0] = now
        left = stage.left_s(done, total)
        ending = "" if left is None else f", {timedelta(seconds=round(left))} left"
        past = timedelta(seconds=round(now - began))
        _say(f"[{past}] {done:.0f}/{total:.0f} {message}{ending}")

    return show


class _Stage:
    """Estimate the time left of one stage of work, from its own pace alone."""

    def __init__(self) -> None:
        self._total, self._first, self._done, self._began = math.nan, 0.0, 0.0, 0.0

    def starts(self, done: float, total: float) -> bool:
        """Return whether these counts belong to another stage than the last ones."""
        new = total != self._total or done < self._done
        if new:
            self._total, self._first, self._began = total, done, time.monotonic()
        self._done = done
        return new

    def left_s(self, done: float, total: float) -> float | None:
        """Return the seconds left; ``None`` before the first step and after the last."""
        if done <= self._first or done >= total:
            return None
        return (time.monotonic() - self._began) / (done - self._first) * (total - done)


def _space_options(
    head: str | None,
    input_size: str | None,
    classes: int | None,
    proposals: int | None,
    others: Sequence[str] | None,
) -> dict[str, Any]:
    """Return what a space is made with: only what was asked for."""
    from searchspaces import parse_option, parse_size

    size = None if input_size is None else parse_size(input_size)
    given = {"num_classes": classes, "head": head, "input_hw": size, "proposals": proposals}
    named = dict(map(parse_option, others or ()))
    return {
        **{name: value for name, value in given.items() if value is not None},
        **named,
    }


@app.command()
def doctor(json_: Json = False) -> None:
    """Say which engines work here, what the device is, and what makes its timing unstable.

    Simulated devices, for `predict -t` and `search -t`, are listed at the end.

    Example: `detfit doctor --json`
    """
    from engines import diagnose
    from latency import describe_devices

    fields = {**diagnose(), "simulated": describe_devices()}
    _emit(fields, json_, {**fields, "simulated": [row["name"] for row in fields["simulated"]]})


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
    view = [{"name": row["name"], "size": f"{row['size']:,}"} for row in rows]
    _emit(rows, json_, view if name is None else {**rows[0], **view[0]})


@app.command()
def show(
    archs: Annotated[list[str], typer.Argument(help="space:code or zoo:NAME ...")],
    head: Head = None,
    input_size: Input = None,
    classes: Classes = 80,
    proposals: Proposals = None,
    option: SpaceOption = None,
    elementwise: Annotated[
        bool, typer.Option(help="Add normalisation and activation to the MACs, as papers do.")
    ] = False,
    draw: Annotated[
        Path | None, typer.Option(callback=_svg, help="Sketch all side by side (.svg).")
    ] = None,
    receptive_field: Annotated[
        Path | None,
        typer.Option(callback=_svg, help="Effective receptive field of every level (.svg)."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Trained weights for the receptive field; else random.")
    ] = None,
    json_: Json = False,
) -> None:
    """Decode architectures: modules, multiply-adds per part, parameters, pictures.

    Example: `detfit show detnas-small:2120-2112-33130031-3132 --input 800x600`

    A published model: `detfit show zoo:E3 --elementwise`

    Pictures: `detfit show zoo:FasterRCNN-R50-FPN zoo:CR-ResNet50 --draw sketch.svg`
    """
    from searchspaces import describe_detector, draw_architectures, parse_arch, write_atomically

    if weights and not receptive_field:
        raise typer.BadParameter("--weights is for --receptive-field, which is missing.")
    options = _space_options(head, input_size, classes, proposals, option)
    found = [parse_arch(arch, **options) for arch in archs]
    rows = [describe_detector(*each, elementwise=elementwise) for each in found]
    detectors = [
        (name, space.detector(arch)) for name, (space, arch) in zip(archs, found, strict=True)
    ]
    if draw:
        write_atomically(draw, draw_architectures(detectors).encode())
    if receptive_field:
        from detection import picture_receptive_fields

        with _progress() as progress:
            picture = picture_receptive_fields(detectors, weights, progress)
        write_atomically(receptive_field, picture.encode())
    if len(rows) == 1:
        _emit(rows[0], json_, _detector_view(rows[0]))
    else:
        _emit(rows, json_, [_detector_row(fields) for fields in rows])


def _detector_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line of a comparison: multiply-adds by part."""
    from searchspaces import format_size

    macs = {part: _compact(count) for part, count in fields["macs"].items()}
    return {
        "arch": fields["arch"],
        "input": format_size(fields["input_hw"]),
        **macs,
        "params": _compact(fields["params"]),
    }


def _detector_view(fields: Mapping[str, Any]) -> dict[str, Any]:
    from searchspaces import format_size

    return {
        "arch": fields["arch"],
        **{name: fields[name] for name in ("code", "options", "published") if name in fields},
        "input": format_size(fields["input_hw"]),
        "parameters": _compact(fields["params"]),
        "MACs": {part: _compact(macs) for part, macs in fields["macs"].items()},
        "modules": [
            {
                "kind": f"{row['kind']} {row['variant']}",
                "part": row["part"],
                "input": row["inputs"][0] + (" ..." if row["inputs"][1:] else ""),
                "count": row["count"],
                "MACs": _compact(row["macs"]),
            }
            for row in fields["modules"]
        ],
    }


@app.command()
def profile(
    output: Annotated[Path, _to_file("Table to write (.jsonl).")],
    space: Space = "detnas-small",
    engine: Engine = "onnxruntime",
    engine_option: EngineOption = None,
    device: Device = "cpu",
    precision: Precision = "fp32",
    batch: Batch = 1,
    threads: Threads = 1,
    head: Head = None,
    input_size: Input = None,
    classes: Classes = 80,
    proposals: Proposals = None,
    option: SpaceOption = None,
    minutes: Annotated[
        float | None,
        typer.Option(callback=_positive, help="Stop after this long with the best table so far."),
    ] = None,
    active: Annotated[
        bool | None,
        typer.Option(
            "--active/--in-order",
            help="Measure next what teaches most per second; the default where minutes are given.",
        ),
    ] = None,
    near: Annotated[
        float | None,
        typer.Option(callback=_positive, help="Predict detectors near so many ms best."),
    ] = None,
    detectors: Annotated[
        int, typer.Option(min=0, max=100_000, help="Whole detectors for closure.")
    ] = 16,
    modules: Annotated[bool, typer.Option(help="Measure chains of modules.")] = True,
    all_chains: Annotated[
        bool,
        typer.Option(
            "--all-chains", help="All chains, not the cheapest set that tells all costs."
        ),
    ] = False,
    isolated: Annotated[bool, typer.Option(help="Also time each module alone.")] = False,
    replicates: Annotated[
        int, typer.Option(min=1, max=1000, help="Repetitions with new engines.")
    ] = 3,
    seconds: Annotated[
        float, typer.Option(callback=_positive, help="At most this long per measurement.")
    ] = 2.0,
    cache: Annotated[
        str, typer.Option(help="Caches of modules timed alone (--isolated): warm or cold.")
    ] = "warm",
    exploratory: Annotated[
        bool, typer.Option(help="Go on on a busy machine; every row says so.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(help="Photographs to record box selection's inputs from; else made scenes."),
    ] = None,
    input_sets: Annotated[
        int, typer.Option(min=0, max=1000, help="Recorded inputs to take turns; 0 is noise.")
    ] = 4,
    weights: Annotated[
        Path | None, typer.Option(help="Trained weights of a detector to record with.")
    ] = None,
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Measure a space's modules in context, and whole detectors, on an engine.

    Example: `detfit profile --space detnas-nano --engine onnxruntime --minutes 5 -o cpu.jsonl`

    Short of time: `detfit profile --space crnas-resnet50 --minutes 10 --near 150 -o cpu.jsonl`

    Built otherwise: `detfit profile --engine torch --engine-option channels_last=true -o t.jsonl`

    Held-out detectors: `detfit profile --space detnas-nano --no-modules --seed 1 -o held.jsonl`
    """
    from engines import TimingProtocol, get_backend
    from latency import ProfileConfig, describe_profile, profile as run
    from searchspaces import make_space

    options = _space_options(head, input_size, classes, proposals, option)
    config = ProfileConfig(
        protocol=TimingProtocol(
            threads=threads, precision=precision, max_seconds=seconds, cache=cache
        ),
        device=device,
        batch=batch,
        detectors=detectors,
        modules=modules,
        all_chains=all_chains,
        isolated=isolated,
        replicates=replicates,
        minutes=minutes,
        active=True if active is None and near is not None else active,
        budget_ms=near,
        seed=seed,
        exploratory=exploratory,
        input_sets=input_sets,
        images=images,
        weights=weights,
    )
    made, backend = make_space(space, **options), get_backend(engine, engine_option or ())
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
    _emit(describe_profile(made, config, table), json_)


@app.command()
def fit(
    tables: Annotated[list[Path], typer.Argument(help="Tables of one device and protocol.")],
    output: Annotated[Path, _to_file("Predictor to write (.json).")],
    prior: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Where little is measured: a predictor or table of a similar device, or "
            "simulated:DEVICE[:ENGINE].",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Fit a predictor of milliseconds on a table, or on several of one device together.

    Example: `detfit fit cpu.jsonl -o cpu.json`

    Few measurements: `detfit fit v100.jsonl --from simulated:V100:tensorrt -o v100.json`

    Several spaces: `detfit fit detnas.jsonl smnas.jsonl crnas.jsonl -o cpu.json`
    """
    from latency import describe_predictor, fit as run, open_source, read_tables, save_predictor

    table = read_tables(tables)
    source = None if prior is None else open_source(prior, table.protocol.precision)
    predictor = run(table, source=source)
    save_predictor(output, predictor)
    _emit(describe_predictor(predictor), json_)


@app.command()
def transfer(
    source: Annotated[
        Path, typer.Option("--from", help="Table or predictor of the device that is known.")
    ],
    output: Annotated[Path, _to_file("Predictor to write (.json); the table beside it.")],
    samples: Annotated[int, typer.Option(min=1, max=100_000, help="Detectors to measure.")] = 20,
    engine: Engine = "onnxruntime",
    engine_option: EngineOption = None,
    device: Device = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="As the source if left out.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="As the source if left out.")] = None,
    seconds: Annotated[
        float, typer.Option(callback=_positive, help="At most this long per measurement.")
    ] = 2.0,
    exploratory: Annotated[
        bool, typer.Option(help="Go on on a busy machine; every row says so.")
    ] = False,
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Bring a predictor to another device or engine by few measurements.

    Example: `detfit transfer --from cpu.json --engine openvino --samples 20 -o openvino.json`
    """
    from engines import get_backend
    from latency import describe_transfer, open_predictor, save_predictor, transfer as run

    known = open_predictor(source)
    backend = get_backend(engine, engine_option or ())
    with _progress() as progress:
        moved, table = run(
            known,
            backend,
            output.with_suffix(".jsonl"),
            samples,
            device=device,
            threads=threads,
            precision=precision,
            seconds=seconds,
            exploratory=exploratory,
            seed=seed,
            resume=resume,
            progress=progress,
        )
    save_predictor(output, moved)
    _emit(describe_transfer(known, moved, table), json_)


@app.command()
def evaluate(
    predictor: Annotated[Path, typer.Argument(help="Predictor.")],
    held_out: Annotated[Path, typer.Argument(help="Table with other detectors, or modules.")],
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
    predictor: Annotated[
        Path,
        typer.Option("-t", "--predictor", help="Fitted predictor, or simulated:DEVICE[:ENGINE]."),
    ],
    confidence: Annotated[float, typer.Option(help="Of the interval.")] = 0.9,
    precision: Annotated[
        str | None, typer.Option(help="Of a simulated device: fp32, fp16 or int8.")
    ] = None,
    input_size: Annotated[
        str | None,
        typer.Option("--input", help="WIDTHxHEIGHT on a simulated device; else each one's own."),
    ] = None,
    json_: Json = False,
) -> None:
    """Predict the latency of architectures, with an interval and the share of each module.

    Example: `detfit predict -t cpu.json detnas-nano:00-00-0000-00`

    Without the hardware: `detfit predict -t simulated:V100 --precision fp32 zoo:E2 zoo:E5`
    """
    from latency import is_simulated, load_predictor, predict_archs, predict_simulated
    from searchspaces import parse_size

    if is_simulated(str(predictor)):
        size = None if input_size is None else parse_size(input_size)
        rows = predict_simulated(
            str(predictor),
            archs,
            precision=precision or "fp32",
            input_hw=size,
            confidence=confidence,
        )
    elif precision is None and input_size is None:
        rows = predict_archs(load_predictor(predictor), archs, confidence)
    else:
        raise typer.BadParameter(
            "--precision and --input are for simulated devices (-t simulated:V100); a fitted "
            "predictor has those of its profile."
        )
    _emit(rows, json_, _predictions_view(rows))


def _simulation(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what a simulated prediction has to say of itself; nothing for a fitted one."""
    if not row.get("simulated"):
        return {}
    return {"simulated": f"{row['device']}, {row['engine']}, {row['precision']}"}


def _predictions_view(rows: Sequence[Mapping[str, Any]]) -> Any:
    names = ("arch", "p50_ms", "lo_ms", "hi_ms", "coverage")
    table = [{name: row[name] for name in names} | _simulation(row) for row in rows]
    if len(rows) > 1:
        return table
    modules = [
        {
            "kind": f"{item['kind']} {item['variant']}",
            "part": item["part"],
            "count": item["count"],
            "ms": item["ms"],
            "measured": item["measured"],
        }
        for item in rows[0]["breakdown"]
    ]
    return {**table[0], "unattributed_ms": rows[0]["unattributed_ms"], "breakdown": modules}


@table_app.command("show")
def table_show(
    table: Annotated[Path, typer.Argument(help="Latency table.")], json_: Json = False
) -> None:
    """Say what a table holds: device, protocol, measurements, what is unstable or failed.

    Example: `detfit table show cpu.jsonl`
    """
    from latency import describe_table, read_table

    fields = describe_table(read_table(table))
    _emit(fields, json_, _shortened(fields))


def _shortened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Cut long lists for people; --json has them whole."""
    return {
        name: [*value[:LISTED], f"... and {len(value) - LISTED} more"]
        if isinstance(value, list) and len(value) > LISTED + 1
        else value
        for name, value in fields.items()
    }


@table_app.command("merge")
def table_merge(
    tables: Annotated[list[Path], typer.Argument(help="Tables of one device and protocol.")],
    output: Annotated[Path, _to_file("Table to write.")],
    json_: Json = False,
) -> None:
    """Join tables of one device and protocol; anything else is refused by field.

    They may be of several spaces, which a note then says: a module is one wherever it stands.

    Example: `detfit table merge a.jsonl b.jsonl -o both.jsonl`
    """
    from latency import describe_table, merge_tables

    fields = describe_table(merge_tables(tables, output))
    _emit(fields, json_, _shortened(fields))


@table_app.command("diff")
def table_diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="Table before.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Table after, of the same device.")],
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", help="Exit code 1 beyond it: 'slower>2%'.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Field that may differ, too, such as device.uuid; repeatable."),
    ] = None,
    json_: Json = False,
) -> None:
    """Compare two tables of one device: another driver or runtime, say.

    A change counts if it is significant among all that were compared (Holm, 1 % for any false
    alarm) and, for `--fail-on`, larger than the limit. Exit code 1 if the limit is broken.

    Example: `detfit table diff trt10.3.jsonl trt10.4.jsonl --fail-on "slower>2%"`
    """
    from latency import compare_tables

    fields = compare_tables(before, after, fail_on, allow or ())
    _emit(fields, json_, _diff_view(fields))
    _exit_unless(fields["passed"])


def _diff_view(fields: Mapping[str, Any]) -> dict[str, Any]:
    def rows(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                "name": change["name"],
                "before_ms": change["a_ms"],
                "after_ms": change["b_ms"],
                "change": f"{change['change']:+.1%}",
                "interval": f"{change['lo']:+.1%} to {change['hi']:+.1%}",
                "p": f"{change['p']:.1g}",
                "significant": change["significant"],
            }
            for change in changes
        ]

    view = {name: value for name, value in fields.items() if name not in ("workloads", "kinds")}
    return {
        **_shortened(view),
        "significant": rows(fields["significant"][:LISTED]),
        "kinds": rows(fields["kinds"]),
    }


@table_app.command("import")
def table_import(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Foreign file; .gz is unpacked.")],
    format_: Annotated[str, typer.Option("--format", help=FORMATS_HELP)],
    device: Annotated[
        str, typer.Option(help="V100, T4, A100, ..., or spelled out: 'cuda/Tesla P4/20'.")
    ],
    output: Annotated[Path, _to_file("Table to write (.jsonl).")],
    precision: Precision = "fp32",
    engine: Annotated[
        str | None, typer.Option(help="Runtime, where the format does not imply it.")
    ] = None,
    engine_version: Annotated[str, typer.Option(help="Its version.")] = "unknown",
    batch: Annotated[
        int | None, typer.Option(min=1, help="Keep only modules of this batch; all if left out.")
    ] = None,
    arch: Annotated[
        str | None, typer.Option(help="What a layer profile is of: space:code or zoo:NAME.")
    ] = None,
    head: Head = None,
    input_size: Input = None,
    classes: Classes = 80,
    proposals: Proposals = None,
    option: SpaceOption = None,
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
        space_options=_space_options(head, input_size, classes, proposals, option),
    )
    _emit(describe_import(import_table(source, output, format_, origin)), json_)


@table_app.command("export")
def table_export(
    table: Annotated[Path, typer.Argument(help="Latency table.")],
    format_: Annotated[str, typer.Option("--format", help=FORMATS_HELP)],
    output: Annotated[Path, _to_file("File to write.")],
    json_: Json = False,
) -> None:
    """Write a table in a foreign format and say what that cannot hold.

    Example: `detfit table export cpu.jsonl --format csv -o cpu.csv`
    """
    from latency import export_table

    lost = export_table(table, output, format_)
    _emit({"path": str(output), "lost": list(lost)}, json_)


@table_app.command("split")
def table_split(
    table: Annotated[Path, typer.Argument(help="Latency table.")],
    output: Annotated[
        tuple[Path, Path],
        typer.Option("-o", "--output", metavar="TRAIN HELD", help="The two tables to write."),
    ],
    fraction: Annotated[
        float, typer.Option(callback=_positive, help="Share to hold out, below 1.")
    ] = 0.2,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Hold out random modules and detectors, each with all its replicates; chains stay.

    Example: `detfit table split V.jsonl --fraction 0.2 --seed 0 -o train.jsonl held.jsonl`
    """
    from latency import split_file

    parts = split_file(table, fraction, seed, *output)
    _emit(
        {
            name: {"path": str(path), "measured": len(part.measurements)}
            for name, path, part in zip(("train", "held"), output, parts, strict=True)
        },
        json_,
    )


@app.command()
def search(
    predictor: Annotated[
        Path,
        typer.Option("-t", "--predictor", help="Fitted predictor, or simulated:DEVICE[:ENGINE]."),
    ],
    output: Annotated[Path, _to_folder("Folder of the run.")],
    space: Annotated[
        str | None,
        typer.Option(help="The predictor's own if left out; another one whose modules it knows."),
    ] = None,
    head: Head = None,
    input_size: Input = None,
    classes: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="As profiled if left out.")
    ] = None,
    proposals: Proposals = None,
    option: SpaceOption = None,
    precision: Annotated[
        str | None, typer.Option(help="Of a simulated device: fp32, fp16 or int8.")
    ] = None,
    budget_ms: Budget = None,
    confidence: Annotated[
        float,
        typer.Option(help="Probability of keeping the budget; 0 bounds the predicted median."),
    ] = 0.9,
    data: Data = None,
    evaluator: Annotated[str, typer.Option(help="supernet or table.")] = "supernet",
    table: Annotated[
        Path | None, typer.Option(help="Known results, for the table evaluator.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="random or detnas-ea.")] = "detnas-ea",
    evals: Annotated[int, typer.Option(min=1, max=10**7, help="Evaluations.")] = 1000,
    steps: Steps = 90_000,
    batch_size: BatchSize = 16,
    lr: Rate = 0.02,
    optimizer: Optimizer = "sgd",
    workers: Workers = 0,
    search_images: Annotated[
        int, typer.Option(min=1, help="Training images kept for scoring.")
    ] = 5000,
    recalibration_images: Annotated[
        int, typer.Option(min=1, help="Images for BN statistics.")
    ] = 500,
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Search the most accurate detectors under a latency budget.

    Example: `detfit search -t cpu.json --budget-ms 2 --data shapes --evals 100 -o run`

    Without the hardware: `detfit search -t simulated:V100 --precision fp16 --space smnas-modular
    --budget-ms 20 --data coco -o plan`
    """
    from search import (
        SearchSettings,
        SpaceChoice,
        describe_result,
        plan_search,
        search_detectors,
    )

    options = _space_options(head, input_size, classes, proposals, option)
    settings = SearchSettings(
        budget_ms=budget_ms,
        confidence=confidence or None,
        strategy=strategy,
        evaluator=evaluator,
        table=table,
        evals=evals,
        seed=seed,
        search_images=search_images,
        recalibration_images=recalibration_images,
        space=SpaceChoice(name=space, options=options),
    )
    loaded = plan_search(predictor, settings, precision)  # an impossible budget ends here, at once
    training = None
    if evaluator == "supernet":
        training = _train_config(steps, batch_size, lr, optimizer, workers, seed)
    with _progress() as progress:
        result = search_detectors(
            loaded,
            settings,
            output,
            data_dir=data,
            training=training,
            resume=resume,
            device=device,
            progress=progress,
        )
    _emit(describe_result(result, budget_ms), json_)


def _train_config(
    steps: int, batch_size: int, lr: float, optimizer: str, workers: int, seed: int
) -> Any:
    from detection import TrainConfig

    return TrainConfig(
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        optimizer=optimizer,
        workers=workers,
        warmup_steps=min(500, steps // 10),
        seed=seed,
    )


@app.command()
def front(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    budget_ms: Budget = None,
    json_: Json = False,
) -> None:
    """Show the Pareto front of a run, within a budget if one is given.

    Example: `detfit front run --budget-ms 2`
    """
    from search import describe_result, load_result

    _emit(describe_result(load_result(run), budget_ms), json_)


@app.command()
def train(
    target: Annotated[str, typer.Argument(metavar="ARCH|RUN", help="space:code, or a run.")],
    data: Annotated[Path, typer.Option("--data", help="Folder in COCO's layout.")],
    output: Annotated[Path, _to_file("Weights (.safetensors).")],
    head: Head = None,
    input_size: Input = None,
    classes: Classes = 80,
    proposals: Proposals = None,
    option: SpaceOption = None,
    budget_ms: Budget = None,
    inherit: Annotated[
        bool, typer.Option(help="Start from the run's supernet where there is one.")
    ] = True,
    steps: Steps = 90_000,
    batch_size: BatchSize = 16,
    lr: Rate = 0.02,
    optimizer: Optimizer = "sgd",
    workers: Workers = 0,
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Train an architecture, or the best of a run, and score it on the val split.

    Example: `detfit train run --data shapes --steps 2000 -o winner.safetensors`
    """
    from search import describe_training, train_finalist

    options = _space_options(head, input_size, classes, proposals, option)
    with _progress() as progress:
        trained = train_finalist(
            target,
            data,
            _train_config(steps, batch_size, lr, optimizer, workers, seed),
            output,
            budget_ms=budget_ms,
            options=options,
            inherit=inherit,
            resume=resume,
            device=device,
            progress=progress,
        )
    _emit(describe_training(trained), json_)


@app.command()
def export(
    target: Annotated[str, typer.Argument(metavar="ARCH|RUN", help="space:code, or a run.")],
    weights: Annotated[Path, typer.Option(help="Trained weights (.safetensors).")],
    output: Annotated[Path, _to_folder("Folder of the bundle.")],
    engine: Engine = "onnxruntime",
    engine_option: EngineOption = None,
    precision: Precision = "fp32",
    batch: Batch = 1,
    threads: Threads = 1,
    device: Device = "cpu",
    verify: Annotated[Path | None, typer.Option(help="Folder in COCO's layout.")] = None,
    limit: Limit = None,
    predictor: Annotated[
        Path | None, typer.Option("-t", "--predictor", help="Instead of the run's own.")
    ] = None,
    budget_ms: Budget = None,
    max_ap_drop: Annotated[
        float, typer.Option(min=0, help="AP points the engine may lose.")
    ] = 0.5,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing bundle.")] = False,
    json_: Json = False,
) -> None:
    """Export weights as a verified bundle; exit code 1 unless the verdict is PASS.

    Example: `detfit export run --weights winner.safetensors --verify shapes -o bundle`
    """
    from engines import get_backend

    # One that is unknown or not installed ends here, before torch is loaded.
    get_backend(engine, engine_option or ())
    from export import Delivery, deliver

    delivery = Delivery(
        target=target,
        weights=weights,
        engine=engine,
        engine_options=tuple(engine_option or ()),
        precision=precision,
        batch=batch,
        threads=threads,
        device=device,
        data_dir=verify,
        limit=limit,
        budget_ms=budget_ms,
        max_ap_drop=max_ap_drop,
        predictor=predictor,
        commands=(shlex.join(["detfit", *sys.argv[1:]]),),
    )
    with _progress() as progress:
        result = deliver(delivery, output, overwrite=overwrite, progress=progress)
    _emit(result.to_dict(), json_, _verdict_view(result.to_dict()))
    _exit_unless(result.verdict.passed)


def _verdict_view(fields: Mapping[str, Any]) -> dict[str, Any]:
    # The reasons say what of these counts.
    hidden = ("tensors", "parity", "accuracy", "predicted", "files")
    view = {name: value for name, value in fields.items() if name not in hidden}
    if fields["accuracy"]:
        scores = fields["accuracy"]
        view["accuracy"] = [
            {
                "metric": metric,
                "torch": value,
                "engine": scores["engine"][metric],
                "drop (95 %)": scores["drop_ci"][metric],
            }
            for metric, value in scores["torch"].items()
        ]
    return view


@app.command()
def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="ONNX file.")],
    tensorrt: Annotated[str, typer.Option(help="Release: 8.4 to 8.6, 9, 10.0 to 10.16, 11.x.")],
    precision: Annotated[str, typer.Option(help="fp32, or fp16 for its hazards too.")] = "fp32",
    fix: Annotated[
        bool, typer.Option("--fix", help="Write a repaired copy to -o; say what remains.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", dir_okay=False, help="Repaired copy to write, with --fix."),
    ] = None,
    json_: Json = False,
) -> None:
    """Say whether TensorRT would parse and run a graph; needs neither it nor a GPU.

    Exit code 1 if not. Every repair is proven: onnxruntime gives the same outputs.

    Example: `detfit check model.onnx --tensorrt 8.6 --fix -o fixed.onnx`
    """
    from export import check_onnx, fix_onnx

    if fix != (output is not None):
        raise UsageError("--fix and -o go together: --fix -o fixed.onnx")
    if output is None:
        report: Any = check_onnx(model, tensorrt, precision)
    else:
        report = fix_onnx(model, output, tensorrt, precision)
    _emit(report.to_dict(), json_, report.to_dict() | {"findings": report.lines()})
    _exit_unless(report.passed)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    data: Annotated[Path, typer.Option("--data", help="Folder in COCO's layout.")],
    split: Annotated[str, typer.Option(help="Split of the data.")] = "val",
    limit: Limit = None,
    latency: Annotated[bool, typer.Option(help="Measure the latency again.")] = True,
    json_: Json = False,
) -> None:
    """Compare a bundle's engine with its torch model on images; exit code 1 unless PASS.

    Example: `detfit verify bundle --data shapes`
    """
    from export import verify_bundle

    with _progress() as progress:
        report = verify_bundle(
            bundle, data, split, limit=limit, latency=latency, progress=progress
        )
    _emit(report.to_dict(), json_, _verdict_view(report.to_dict()))
    _exit_unless(report.verdict.passed)


@bundle_app.command("show")
def bundle_show(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    json_: Json = False,
) -> None:
    """Check a bundle's hashes; show its verdicts, engine, AP, milliseconds and files.

    Example: `detfit bundle show bundle`
    """
    from export import describe_bundle

    fields = describe_bundle(bundle)
    _emit(fields, json_)


@app.command()
def detect(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    output: Annotated[Path, _to_folder("Folder for drawings.")] = Path("detections"),
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Least score that is drawn; the bundle's own if left out."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Detect objects in photographs and draw their boxes; exit code 1 if one cannot be read.

    Example: `detfit detect bundle photo.jpg -o drawn`
    """
    from export import detect_files

    with _progress() as progress:
        results = detect_files(
            bundle, images, output, score_threshold=threshold, progress=progress
        )
    _emit([result.to_dict() for result in results], json_, _detections_view(results))
    _exit_unless(not any(result.error for result in results))


def _detections_view(results: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "image": str(result.image),
            "objects": [f"{item.label} {item.score:.2f}" for item in result.objects],
            "drawn": result.error or str(result.drawn),
        }
        for result in results
    ]


@app.command()
def report(
    source: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE|TABLE")],
    output: Annotated[Path, _to_file("HTML file.")] = Path("report.html"),
    predictor: Annotated[
        Path | None, typer.Option("-t", "--predictor", help="For a table: predict its detectors.")
    ] = None,
    json_: Json = False,
) -> None:
    """Write one self-contained HTML file about a run, a bundle or a table.

    Example: `detfit report run -o report.html`
    """
    from export import report_of

    artifact = report_of(source, output, predictor)
    _emit({"path": str(artifact.path), "size_bytes": artifact.size_bytes}, json_)


@data_app.command("shapes")
def data_shapes(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    train_images: Annotated[int, typer.Option("--train", min=1, help="Training images.")] = 600,
    val_images: Annotated[int, typer.Option("--val", min=1, help="Validation images.")] = 100,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT of the images.")] = "160x160",
    classes: Annotated[int, typer.Option(min=1, help="Kinds of shapes.")] = 3,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Generate pictures of shapes with COCO annotations, to try things on.

    Example: `detfit data shapes shapes --train 600 --val 100`
    """
    from detection import ShapesRecipe, write_shapes
    from searchspaces import parse_size

    image_hw = parse_size(size)
    recipe = ShapesRecipe(
        num_train=train_images,
        num_val=val_images,
        image_hw=image_hw,
        num_classes=classes,
        size_px=(0.15 * min(image_hw), 0.45 * min(image_hw)),  # the recipe's own at 160 pixels
        seed=seed,
    )
    with _progress() as progress:
        path = write_shapes(folder, recipe, progress=progress)
    _emit({"path": str(path), "classes": list(recipe.class_names)}, json_)


@app.command()
def demo(
    output: Annotated[Path, _to_folder("Folder.")] = Path("demo"),
    budget_ms: Budget = None,
    json_: Json = False,
) -> None:
    """Do everything once on this machine: profile, search, train, export, verify, report.

    Goes on where an earlier demo in the same folder stopped. Exit code 1 if the winner misses its
    budget, its accuracy or its prediction.

    Example: `detfit demo -o demo`
    """
    from export import run_demo

    with _progress() as progress:
        result = run_demo(output, budget_ms=budget_ms, progress=progress)
    _emit(result.to_dict(), json_)
    _exit_unless(result.passed)


def _exit_unless(passed: bool) -> None:
    if not passed:
        raise typer.Exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
