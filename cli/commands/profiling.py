"""Measure a space on an engine: ``profile`` and the options that only it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..groups import DetectorOptions, PlaceOptions, RuntimeOptions
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


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is measured, in what order, until when."""

    minutes: Annotated[
        float | None,
        typer.Option(callback=positive, help="Stop after this long with the best table so far."),
    ] = None
    active: Annotated[
        bool | None,
        typer.Option(
            "--active/--in-order",
            help="Measure next what teaches most per second; the default where minutes are given.",
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

    @property
    def adaptive(self) -> bool | None:
        """Whether the next measurement is chosen; ``None`` leaves it to the plan."""
        return True if self.active is None and self.near is not None else self.active


@dataclass(frozen=True, slots=True)
class MeasuringOptions:
    """How each measurement is made, and on which recorded inputs."""

    seconds: Seconds = 2.0
    cache: Annotated[
        str, typer.Option(help="Caches of modules timed alone (--isolated): warm or cold.")
    ] = "warm"
    exploratory: Exploratory = False
    images: Annotated[
        Path | None,
        typer.Option(help="Photographs to record box selection's inputs from; else made scenes."),
    ] = None
    input_sets: Annotated[
        int, typer.Option(min=0, max=1000, help="Recorded inputs to take turns; 0 is noise.")
    ] = 4
    weights: Annotated[
        Path | None, typer.Option(help="Trained weights of a detector to record with.")
    ] = None


def profile(
    output: Annotated[Path, to_file("Table to write (.jsonl).")],
    space: Space = "detnas-small",
    *,
    runtime: RuntimeOptions,
    detector: DetectorOptions,
    plan: PlanOptions,
    measuring: MeasuringOptions,
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

    On a cluster's node: `detfit profile --workers ray:HEAD:6379 --resource laptop -o laptop.jsonl`
    """
    from latency import describe_profile
    from searchspaces import make_space

    options = detector.to_space_options()
    config = _profile_config(runtime, plan, measuring, seed)
    made = make_space(space, **options)
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
    runtime: RuntimeOptions, plan: PlanOptions, measuring: MeasuringOptions, seed: int
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
        active=plan.adaptive,
        budget_ms=plan.near,
        seed=seed,
        exploratory=measuring.exploratory,
        input_sets=measuring.input_sets,
        images=measuring.images,
        weights=measuring.weights,
    )
