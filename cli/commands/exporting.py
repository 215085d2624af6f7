"""Make bundles and verify them: ``export``, ``verify``."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..exits import exit_unless
from ..options import (
    Batch,
    Budget,
    Bundle,
    Device,
    Engine,
    EngineOption,
    Json,
    Limit,
    Precision,
    RequiredData,
    Target,
    Threads,
    to_folder,
)
from ..printing import emit
from ..progress import shown_progress
from ..verdicts import verdict_view

if TYPE_CHECKING:
    from export import PrecisionChoices


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What the bundle has to keep, and the images that tell."""

    verify: Annotated[
        Path | None, typer.Option(help="Data to verify on, laid out as COCO, VOC or BDD.")
    ] = None
    limit: Limit = None
    predictor: Annotated[
        Path | None, typer.Option("-t", "--predictor", help="Predictor instead of the run's own.")
    ] = None
    budget_ms: Budget = None
    budget_on: Annotated[
        str, typer.Option(help="What the budget is about: p50 or p99 of the engine.")
    ] = "p50"
    max_ap_drop: Annotated[float, typer.Option(min=0, help="AP points the engine may lose.")] = 0.5


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """What the ONNX graph is like."""

    opset: Annotated[int, typer.Option(min=17, max=20, help="ONNX operator set.")] = 17
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Let the graph take any number of images.")
    ] = False
    tensorrt: Annotated[
        list[str] | None,
        typer.Option(
            help="Release that the report checks the graph for instead of 8.6, 10.4, 11.x; "
            "repeatable."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class LoweringOptions:
    """How fp16 and int8 are made."""

    calibrate: Annotated[
        Path | None,
        typer.Option(help="Data folder to calibrate int8 on; --verify's if left out."),
    ] = None
    calibration_split: Annotated[
        str | None, typer.Option(help="Split of the calibration data; 'train' if there is one.")
    ] = None
    calibration_images: Annotated[int, typer.Option(min=1, help="Images drawn from it.")] = 64
    calibration_method: Annotated[
        str, typer.Option(help="How int8 chooses ranges: percentile, minmax or entropy.")
    ] = "percentile"
    calibration_seed: Annotated[
        int, typer.Option(min=0, help="Seed that draws the images to calibrate on.")
    ] = 0
    fp32_search: Annotated[
        bool, typer.Option(help="Look for nodes to keep in fp32 where too much AP is lost.")
    ] = True
    max_evaluations: Annotated[
        int, typer.Option(min=1, help="Engines that the search for such nodes may try.")
    ] = 100

    def to_choices(self) -> PrecisionChoices:
        """Return the same for ``export``."""
        from export import PrecisionChoices

        return PrecisionChoices(
            calibration_dir=self.calibrate,
            calibration_split=self.calibration_split,
            calibration_images=self.calibration_images,
            calibration_method=self.calibration_method,
            seed=self.calibration_seed,
            search=self.fp32_search,
            max_evaluations=self.max_evaluations,
        )


def export(
    target: Target,
    weights: Annotated[Path, typer.Option(help="Trained weights (.safetensors).")],
    output: Annotated[Path, to_folder("Folder of the bundle.")],
    engine: Engine = "onnxruntime",
    engine_option: EngineOption = None,
    precision: Precision = "fp32",
    batch: Batch = 1,
    threads: Threads = 1,
    device: Device = "cpu",
    *,
    graph: GraphOptions,
    gate: GateOptions,
    lowering: LoweringOptions,
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
        lowering=lowering.to_choices(),
        batch=batch,
        threads=threads,
        device=device,
        opset=graph.opset,
        dynamic_batch=graph.dynamic_batch,
        tensorrt=tuple(graph.tensorrt or ()),
        data_dir=gate.verify,
        limit=gate.limit,
        budget_ms=gate.budget_ms,
        budget_on=gate.budget_on,
        max_ap_drop=gate.max_ap_drop,
        predictor=gate.predictor,
        commands=(shlex.join(["detfit", *sys.argv[1:]]),),
    )
    with shown_progress() as progress:
        result = deliver(delivery, output, overwrite=overwrite, progress=progress)
    emit(result.to_dict(), json_, verdict_view(result.to_dict()))
    exit_unless(result.verdict.passed)


def verify(
    bundle: Bundle,
    data: RequiredData,
    split: Annotated[str, typer.Option(help="Split of the data.")] = "val",
    engine: Annotated[
        str | None,
        typer.Option(help="Engine to run the ONNX model; the bundle's own if left out."),
    ] = None,
    limit: Limit = None,
    latency: Annotated[bool, typer.Option(help="Measure the latency again.")] = True,
    certify: Annotated[
        bool,
        typer.Option(
            "--certify", help="If PASS, add this engine and machine to the certificates."
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Latency table to write the measured latency into, for the next fit."),
    ] = None,
    json_: Json = False,
) -> None:
    """Compare a bundle's engine with its torch model on images; exit code 1 unless PASS.

    Example: `detfit verify bundle --data shapes`
    """
    from export import verify_here

    with shown_progress() as progress:
        found = verify_here(
            bundle,
            data,
            split,
            engine=engine,
            limit=limit,
            latency=latency,
            record=record,
            certify=certify,
            progress=progress,
        )
    emit(found.to_dict(), json_, verdict_view(found.to_dict()))
    exit_unless(found.report.verdict.passed and not found.report.not_recorded)
