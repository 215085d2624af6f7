"""From tables to milliseconds: ``fit``, ``transfer``, ``evaluate``, ``predict``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..groups import PlaceOptions, RecordingOptions
from ..options import (
    Device,
    Engine,
    EngineOption,
    Exploratory,
    FittedOrSimulated,
    Json,
    Resume,
    Seconds,
    Seed,
    SimulatedPrecision,
    Tables,
    to_file,
)
from ..printing import emit, shortened
from ..progress import shown_progress

if TYPE_CHECKING:
    from latency import LatencyTable, Predictor, ProfileConfig


def fit(
    tables: Tables,
    output: Annotated[Path, to_file("Predictor to write (.json).")],
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

    With `--json` it lists what every measured module costs inside a detector.

    Example: `detfit fit cpu.jsonl -o cpu.json`

    Few measurements: `detfit fit v100.jsonl --from simulated:V100:tensorrt -o v100.json`

    Several spaces: `detfit fit detnas.jsonl smnas.jsonl crnas.jsonl -o cpu.json`
    """
    from latency import (
        check_predictor_path,
        describe_costs,
        describe_predictor,
        fit as run,
        open_source,
        read_tables,
        save_predictor,
    )

    check_predictor_path(output)
    table = read_tables(tables)
    source = None if prior is None else open_source(prior, table.protocol.precision)
    predictor = run(table, source=source)
    save_predictor(output, predictor)
    fields = {**describe_predictor(predictor), "costs": describe_costs(predictor)}
    emit(fields, json_, shortened(fields))


def transfer(
    source: Annotated[
        Path, typer.Option("--from", help="Table or predictor of the device that is known.")
    ],
    output: Annotated[
        Path, to_file("Predictor to write (.json); its measurements go beside it (.jsonl).")
    ],
    samples: Annotated[int, typer.Option(min=5, max=100_000, help="Detectors to measure.")] = 20,
    engine: Engine = "onnxruntime",
    engine_option: EngineOption = None,
    device: Device = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="CPU threads of the engine.", show_default="the source's"
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="Of the engine: fp32, fp16 or int8.", show_default="the source's"),
    ] = None,
    seconds: Seconds = 2.0,
    exploratory: Exploratory = False,
    *,
    recording: RecordingOptions,
    place: PlaceOptions,
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Bring a predictor to another device or engine by few measurements.

    Example: `detfit transfer --from cpu.json --engine openvino --samples 20 -o openvino.json`

    On a GPU: `detfit transfer --from t4.json --engine tensorrt --device cuda:0 --precision fp16
    -o v100.json`

    On a cluster's node: `detfit transfer --from cpu.json --workers ray:HEAD:6379 -o node.json`
    """
    from latency import (
        check_predictor_path,
        describe_transfer,
        open_predictor,
        save_predictor,
        transfer_config,
    )

    check_predictor_path(output)
    known, path = open_predictor(source), output.with_suffix(".jsonl")
    config = transfer_config(
        known,
        device=device,
        threads=threads,
        precision=precision,
        seconds=seconds,
        exploratory=exploratory,
        seed=seed,
        input_sets=recording.input_sets,
        images=recording.images,
        weights=recording.weights,
    )
    measure = _transfer_of(place, engine, engine_option or (), config, path)
    with shown_progress() as progress:
        moved, table = measure(
            known,
            config=config,
            path=path,
            samples=samples,
            resume=resume,
            progress=progress,
        )
    save_predictor(output, moved)
    emit(describe_transfer(known, moved, table), json_)


def _transfer_of(
    place: PlaceOptions,
    engine: str,
    options: Sequence[str],
    config: ProfileConfig,
    path: Path,
) -> Callable[..., tuple[Predictor, LatencyTable]]:
    """Return what measures: here, or on a cluster."""
    cluster = place.cluster
    if cluster is None:
        from engines import get_backend
        from latency import site_here, transfer_at

        return partial(transfer_at, site=site_here(get_backend(engine, options), config, path))
    from search import transfer_on_cluster

    return partial(
        transfer_on_cluster,
        engine=engine,
        engine_options=options,
        address=cluster,
        resource=place.resource,
    )


def evaluate(
    predictor: Annotated[Path, typer.Argument(help="Predictor.")],
    held_out: Annotated[Path, typer.Argument(help="Table with other detectors, or modules.")],
    confidence: Annotated[
        float, typer.Option(help="Share of measurements that an interval is to hold.")
    ] = 0.9,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Compare only modules of this batch size; all if left out."),
    ] = None,
    json_: Json = False,
) -> None:
    """Compare predictions with measured detectors that were kept out of the fit.

    A predictor of modules alone, such as of an imported table, is compared with modules.

    Example: `detfit evaluate cpu.json held.jsonl`

    One batch size of several: `detfit evaluate v100.json held.jsonl --batch 1`
    """
    from latency import describe_evaluation, evaluate as run, load_predictor, read_table

    result = run(load_predictor(predictor), read_table(held_out), confidence, batch)
    fields = describe_evaluation(result)
    emit(fields, json_, _evaluation_view(fields))


def _evaluation_view(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what people see: batch sizes as lines of one table, the first of many detectors."""
    parts = [{"batch": batch, **part} for batch, part in fields["by_batch"].items()]
    return shortened({**fields, "by_batch": parts})


def predict(
    archs: Annotated[list[str], typer.Argument(help="space:code or zoo:NAME ...")],
    predictor: FittedOrSimulated,
    confidence: Annotated[
        float, typer.Option(help="Share of measurements that the interval is to hold.")
    ] = 0.9,
    batch: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Images per run; the profile's.")
    ] = None,
    precision: SimulatedPrecision = None,
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
            batch=batch or 1,
        )
    elif precision is None and input_size is None:
        rows = predict_archs(load_predictor(predictor), archs, confidence, batch)
    else:
        raise typer.BadParameter(
            "--precision and --input are for simulated devices (-t simulated:V100); a fitted "
            "predictor has those of its profile."
        )
    emit(rows, json_, _predictions_view(rows))


def _prediction_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line of predictions: what is known of it, or what it was simulated on."""
    line = {name: row[name] for name in ("arch", "p50_ms", "lo_ms", "hi_ms")}
    if row.get("simulated"):
        return {**line, "simulated": f"{row['device']}, {row['engine']}, {row['precision']}"}
    return {**line, "coverage": row["coverage"], "unfamiliar": row["unfamiliar"]}


def _known(row: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """Return in a word how the time of a module of a prediction is known."""
    if row.get("simulated"):
        return "simulated"
    if item["measured"]:
        return "measured"
    return "estimated" if item["familiar"] else "unlike any measured"


def _predictions_view(rows: Sequence[Mapping[str, Any]]) -> Any:
    table = [_prediction_row(row) for row in rows]
    if len(rows) > 1:
        return table
    modules = [
        {
            "kind": f"{item['kind']} {item['variant']}",
            "part": item["part"],
            "count": item["count"],
            "ms": item["ms"],
            "known": _known(rows[0], item),
        }
        for item in rows[0]["breakdown"]
    ]
    return {**table[0], "unattributed_ms": rows[0]["unattributed_ms"], "breakdown": modules}
