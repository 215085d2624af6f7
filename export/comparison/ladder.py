"""The rungs on which an engine is compared with its torch model, from the graph up to AP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..gate.detections import parity_limits
from ..gate.pipeline import PipelineReport
from ..gate.tensors import TensorReport
from ..graph.structure import StructureReport, inspect_structure
from ..running.reference import Reference
from .compare import Comparison, compare
from .data import EvaluationData, Progress
from .pipeline import compare_pipeline
from .tensors import look_inside

if TYPE_CHECKING:
    from detection import Detector

    from ..running.session import Session

PHOTOGRAPHS = 3
"""Images, evenly spread over the data, on which modules are compared one by one; beside them, one
of noise, whose every pixel is new to the detector."""

NOISE_SEED = 0


@dataclass(frozen=True, slots=True)
class Built:
    """Say how an engine was built, so that parts of its model can be built alike.

    Attributes:
        engine: A name of ``engines.BACKENDS``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        threads: CPU threads.
        device: ``cpu`` or ``cuda:0``.
    """

    engine: str
    precision: str
    threads: int
    device: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """Hold what every rung found.

    Attributes:
        structure: The graph as it is written.
        tensors: The engine's modules beside torch's; ``None`` for an engine that is not looked
            into.
        pipeline: What stands around the engine.
        comparison: Detections and accuracy of both sides.
    """

    structure: StructureReport
    tensors: TensorReport | None
    pipeline: PipelineReport
    comparison: Comparison


def climb(
    detector: Detector,
    reference: Reference,
    session: Session[Any],
    data: EvaluationData,
    onnx_path: Path,
    built: Built,
    progress: Progress | None = None,
) -> Ladder:
    """Compare an engine with its torch model on every rung.

    Args:
        detector: The torch model.
        reference: The same, as it was trained to be used.
        session: The engine, as it is deployed.
        data: Images to compare on.
        onnx_path: The model that the engine is built from.
        built: How it was.
        progress: Called as ``progress(message, done, total)``.

    Raises:
        DetectError: The engine gives something else than detections.
        DatasetError: An image is damaged.
        EngineError: The engine cannot be run.
    """
    limits = parity_limits(built.precision)
    comparison = compare(reference, session, data, progress, iou=limits.iou)
    tensors = look_inside(
        detector.eval(),
        onnx_path,
        inside_images(reference, data, session.batch, noise=built.precision != "int8"),
        engine=built.engine,
        precision=built.precision,
        threads=built.threads,
        device=built.device,
    )
    structure = inspect_structure(onnx_path, detector.spec, session.batch)
    pipeline = compare_pipeline(reference, session, data)
    return Ladder(structure, tensors, pipeline, comparison)


def inside_images(
    reference: Reference, data: EvaluationData, batch: int, *, noise: bool = True
) -> list[npt.NDArray[np.float32]]:
    """Return batches (b, 3, h, w) of photographs, and one of noise.

    Args:
        reference: Preprocesses.
        data: The photographs.
        batch: b.
        noise: Whether noise is to be among them; quantised engines are not calibrated for it.
    """
    infos = data.annotations.images
    rows = np.unique(np.linspace(0, len(infos) - 1, PHOTOGRAPHS).round().astype(int)).tolist()
    photographs = [data.dataset.load(infos[row]) for row in rows]
    if noise:
        height, width = reference.preprocess.input_hw
        rng = np.random.default_rng(NOISE_SEED)
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        photographs.append(Image.fromarray(pixels))
    return [_batch(reference, image, batch) for image in photographs]


def _batch(reference: Reference, image: Image.Image, size: int) -> npt.NDArray[np.float32]:
    """Return a preprocessed image, repeated until the batch is full."""
    array, _ = reference.preprocess.apply(image)
    return np.stack([array] * size)
