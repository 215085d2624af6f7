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
data_app = typer.Typer(no_args_is_help=True, help="Make data sets.")
app.add_typer(data_app, name="data")

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


Data = Annotated[Path | None, typer.Option("--data", help="Folder in COCO's layout.")]
Budget = Annotated[float | None, typer.Option("--budget-ms", help="Latency budget.")]
Steps = Annotated[int, typer.Option(help="Optimiser steps.")]
Rate = Annotated[float, typer.Option("--lr", help="Learning rate after the warm-up.")]
BatchSize = Annotated[int, typer.Option(help="Images per optimiser step.")]
Optimizer = Annotated[str, typer.Option(help="sgd or adamw.")]
Workers = Annotated[int, typer.Option(help="Processes that read images.")]


@app.command()
def search(
    predictor: Annotated[Path, typer.Option("-t", "--predictor", help="Fitted predictor.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    space: Annotated[
        str | None, typer.Option("--space", help="Checked against the predictor's space.")
    ] = None,
    budget_ms: Budget = None,
    confidence: Annotated[
        float | None, typer.Option(help="Probability with which the budget is kept.")
    ] = 0.9,
    data: Data = None,
    evaluator: Annotated[str, typer.Option(help="supernet or table.")] = "supernet",
    table: Annotated[
        Path | None, typer.Option(help="Known results, for the table evaluator.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="random or detnas-ea.")] = "detnas-ea",
    evals: Annotated[int, typer.Option(help="Evaluations.")] = 1000,
    steps: Steps = 90_000,
    batch_size: BatchSize = 16,
    lr: Rate = 0.02,
    optimizer: Optimizer = "sgd",
    workers: Workers = 0,
    search_images: Annotated[int, typer.Option(help="Training images kept for scoring.")] = 5000,
    recalibration_images: Annotated[int, typer.Option(help="Images for BN statistics.")] = 500,
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Search the most accurate detectors under a latency budget.

    Example: `detfit search -t cpu.json --budget-ms 2 --data shapes --evals 100 -o run`
    """
    from search import SearchSettings, describe_result, plan_search, search_detectors

    settings = SearchSettings(
        budget_ms=budget_ms,
        confidence=confidence,
        strategy=strategy,
        evaluator=evaluator,
        table=table,
        evals=evals,
        seed=seed,
        search_images=search_images,
        recalibration_images=recalibration_images,
    )
    loaded = plan_search(predictor, settings, space)  # an impossible budget ends here, at once
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
    output: Annotated[Path, typer.Option("-o", "--output", help="Weights (.safetensors).")],
    head: Head = "fpn",
    input_size: Input = None,
    classes: Classes = 80,
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

    options = _space_options(head, input_size, classes)
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
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the bundle.")],
    engine: Engine = "onnxruntime",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    batch: Annotated[int, typer.Option(help="Images per run.")] = 1,
    threads: Annotated[int, typer.Option(help="CPU threads of the engine.")] = 1,
    device: Device = "cpu",
    verify: Annotated[Path | None, typer.Option(help="Folder in COCO's layout.")] = None,
    limit: Annotated[int | None, typer.Option(help="Verify on the first images only.")] = None,
    predictor: Annotated[Path | None, typer.Option("-t", "--predictor")] = None,
    budget_ms: Budget = None,
    max_ap_drop: Annotated[float, typer.Option(help="AP points the engine may lose.")] = 0.5,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing bundle.")] = False,
    json_: Json = False,
) -> None:
    """Export weights as a verified bundle; exit code 1 unless the verdict is PASS.

    Example: `detfit export run --weights winner.safetensors --verify shapes -o bundle`
    """
    from export import Delivery, deliver

    delivery = Delivery(
        target=target,
        weights=weights,
        engine=engine,
        precision=precision,
        batch=batch,
        threads=threads,
        device=device,
        data_dir=verify,
        limit=limit,
        budget_ms=budget_ms,
        max_ap_drop=max_ap_drop,
        predictor=predictor,
        commands=(" ".join(["detfit", *sys.argv[1:]]),),
    )
    with _progress() as progress:
        result = deliver(delivery, output, overwrite=overwrite, progress=progress)
    _emit(result.to_dict(), json_)
    _exit_unless(result.verdict.passed)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    data: Annotated[Path, typer.Option("--data", help="Folder in COCO's layout.")],
    split: Annotated[str, typer.Option(help="Split of the data.")] = "val",
    limit: Annotated[int | None, typer.Option(help="Take only the first images.")] = None,
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
    _emit(report.to_dict(), json_)
    _exit_unless(report.verdict.passed)


@app.command()
def detect(
    bundle: Annotated[Path, typer.Argument(help="Folder of a bundle.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for drawings.")] = Path(
        "detections"
    ),
    threshold: Annotated[float, typer.Option(help="Least score that is drawn.")] = 0.5,
    json_: Json = False,
) -> None:
    """Detect objects in photographs and draw their boxes.

    Example: `detfit detect bundle photo.jpg -o drawn`
    """
    from export import detect_files

    results = detect_files(bundle, images, output, score_threshold=threshold)
    _emit([result.to_dict() for result in results], json_)


@app.command()
def report(
    source: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE|TABLE")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HTML file.")] = Path(
        "report.html"
    ),
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
    train_images: Annotated[int, typer.Option("--train", help="Training images.")] = 600,
    val_images: Annotated[int, typer.Option("--val", help="Validation images.")] = 100,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT of the images.")] = "160x160",
    classes: Annotated[int, typer.Option(help="Kinds of shapes.")] = 3,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Generate pictures of shapes with COCO annotations, to try things on.

    Example: `detfit data shapes shapes --train 600 --val 100`
    """
    from detection import ShapesRecipe, write_shapes
    from searchspaces import parse_size

    recipe = ShapesRecipe(
        num_train=train_images,
        num_val=val_images,
        image_hw=parse_size(size),
        num_classes=classes,
        seed=seed,
    )
    with _progress() as progress:
        path = write_shapes(folder, recipe, progress=progress)
    _emit({"path": str(path), "classes": list(recipe.class_names)}, json_)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder.")] = Path("demo"),
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
