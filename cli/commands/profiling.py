"""Measure a space on an engine: ``profile`` and the options that only it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..groups import DetectorOptions, PlaceOptions, RecordingOptions, RuntimeOptions
from ..options import (
    Exploratory,
    Json,
    Resume,
    Seconds,
    Seed,
    Space,
    positive,
    to_file,
)
from ..printing import emit, shortened
from ..progress import shown_progress

if TYPE_CHECKING:
    from latency import LatencyTable, ProfileConfig
    from searchspaces import SearchSpace

BESIDE_LIKE = (
    *("like", "output", "resume", "json_", "minutes", "replicates", "exploratory"),
    *("engine", "engine_option", "device", "workers", "resource"),
    *("images", "input_sets", "weights"),
)
"""Options of `profile` that do not follow from the table that is measured once more."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is measured, in what order, until when."""

    minutes: Annotated[
        float | None,
        typer.Option(
            callback=positive,
            help="Stop after this long with the best table so far; a --resume has as long again.",
        ),
    ] = None
    active: Annotated[
        bool | None,
        typer.Option(
            "--active/--in-order",
            help="Measure next what teaches most per second; usual with --minutes or --near.",
        ),
    ] = None
    near: Annotated[
        float | None,
        typer.Option(callback=positive, help="Predict detectors near so many ms best."),
    ] = None
    detectors: Annotated[
        int, typer.Option(min=0, max=100_000, help="Whole detectors for closure.")
    ] = 16
    modules: Annotated[bool, typer.Option(help="Measure chains of modules.")] = True
    all_chains: Annotated[
        bool,
        typer.Option(
            "--all-chains", help="All chains, not the cheapest set that tells all costs."
        ),
    ] = False
    isolated: Annotated[bool, typer.Option(help="Also time each module alone.")] = False
    replicates: Annotated[
        int, typer.Option(min=1, max=1000, help="Repetitions with new engines.")
    ] = 3
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Measure what this table holds once more, made and timed as it was, to compare "
            "both by `table diff`.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class MeasuringOptions:
    """How each measurement is made."""

    seconds: Seconds = 2.0
    cache: Annotated[
        str,
        typer.Option(help="Caches of modules timed alone: warm or, with --isolated, cold."),
    ] = "warm"
    exploratory: Exploratory = False


def profile(
    context: typer.Context,
    output: Annotated[Path, to_file("Table to write (.jsonl).")],
    space: Space = "detnas-small",
    *,
    runtime: RuntimeOptions,
    detector: DetectorOptions,
    plan: PlanOptions,
    measuring: MeasuringOptions,
    recording: RecordingOptions,
    place: PlaceOptions,
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Measure a space's modules in context, and whole detectors, on an engine.

    Example: `detfit profile --space detnas-nano --engine onnxruntime --minutes 5 -o cpu.jsonl`

    Short of time: `detfit profile --space crnas-resnet50 --minutes 10 --near 150 -o cpu.jsonl`

    On a GPU: `detfit profile --engine tensorrt --device cuda:0 --precision fp16 -o v100.jsonl`

    Built otherwise: `detfit profile --engine torch --engine-option channels_last=true -o t.jsonl`

    Held-out detectors: `detfit profile --space detnas-nano --no-modules --seed 1 -o held.jsonl`

    After an update of the driver: `detfit profile --like before.jsonl -o after.jsonl`

    On a cluster's node: `detfit profile --workers ray:HEAD:6379 --resource laptop -o laptop.jsonl`
    """
    from latency import describe_profile
    from searchspaces import make_space

    config = _profile_config(runtime, plan, measuring, recording, seed)
    if plan.like is None:
        options = detector.to_space_options()
        made = make_space(space, **options)
    else:
        made, options, config, runtime = _like(context, plan.like, config, runtime)
    measure = _measurement(runtime, place)
    with shown_progress() as progress:
        table = measure(
            space=made,
            config=config,
            path=output,
            space_options=options,
            resume=resume,
            progress=progress,
        )
    fields = describe_profile(made, config, table)
    emit(fields, json_, shortened(fields))


def _like(
    context: typer.Context, table: Path, config: ProfileConfig, runtime: RuntimeOptions
) -> tuple[SearchSpace, dict[str, Any], ProfileConfig, RuntimeOptions]:
    """Return what a table was measured with: space, its options, how, and on which engine.

    Raises:
        typer.BadParameter: An option that the table decides was given, too.
    """
    from latency import profile_like

    given = _given(context)
    decided = [flag for name, flag in given.items() if name not in BESIDE_LIKE]
    if decided:
        raise typer.BadParameter(
            f"--like measures as {table} was measured; leave {', '.join(decided)} out."
        )
    like = profile_like(
        table,
        config,
        device=runtime.device if "device" in given else None,
        replicates=config.replicates if "replicates" in given else None,
        engine=runtime.engine if "engine" in given else None,
        engine_options=runtime.engine_option or (),
    )
    runtime = replace(runtime, engine=like.engine, engine_option=list(like.engine_options))
    return like.space, dict(like.space_options), like.config, runtime


def _given(context: typer.Context) -> dict[str, str]:
    """Return the options that were given, as they are written, by their parameters."""
    flags = {
        str(each.name): "/".join([*each.opts[:1], *each.secondary_opts[:1]])
        for each in context.command.params
    }
    sources = {name: context.get_parameter_source(name) for name in flags}
    return {
        name: flags[name]
        for name, source in sources.items()
        if source is not None and source.name != "DEFAULT"
    }


def _measurement(runtime: RuntimeOptions, place: PlaceOptions) -> Callable[..., LatencyTable]:
    """Return what measures: here, or on a cluster."""
    cluster, options = place.cluster, runtime.engine_option or ()
    if cluster is None:
        from engines import get_backend
        from latency import profile as run

        return partial(run, backend=get_backend(runtime.engine, options))
    from search import profile_on_cluster

    return partial(
        profile_on_cluster,
        engine=runtime.engine,
        engine_options=options,
        address=cluster,
        resource=place.resource,
    )


def _profile_config(
    runtime: RuntimeOptions,
    plan: PlanOptions,
    measuring: MeasuringOptions,
    recording: RecordingOptions,
    seed: int,
) -> ProfileConfig:
    from engines import TimingProtocol
    from latency import ProfileConfig

    protocol = TimingProtocol(
        threads=runtime.threads,
        precision=runtime.precision,
        max_seconds=measuring.seconds,
        cache=measuring.cache,
    )
    return ProfileConfig(
        protocol=protocol,
        device=runtime.device,
        batch=runtime.batch,
        detectors=plan.detectors,
        modules=plan.modules,
        all_chains=plan.all_chains,
        isolated=plan.isolated,
        replicates=plan.replicates,
        minutes=plan.minutes,
        active=plan.active,
        near_ms=plan.near,
        seed=seed,
        exploratory=measuring.exploratory,
        input_sets=recording.input_sets,
        images=recording.images,
        weights=recording.weights,
    )
