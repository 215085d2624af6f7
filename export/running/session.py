"""A bundle's engine, ready for images; needs the engine's package, NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from detection import Preprocess, paste_masks
from engines import Closing, get_backend, option_texts
from searchspaces import IMAGE, MASKS, OUTPUTS

from ..bundle.bundle import Bundle, load_bundle
from ..bundle.plan import open_engine
from ..bundle.platforms import check_gpu
from ..bundle.postprocess import Detections, Postprocess, unpad, unpad_masks
from ..bundle.runnable import Runnable
from ..errors import BundleMachineError, DetectError
from ..graph.file import OnnxFile, example_inputs

if TYPE_CHECKING:
    from detection import Letterbox
    from engines import Engine, Model


class Runner(Protocol):
    """What a session needs of an engine."""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, npt.NDArray[Any]]:
        """Run once, host arrays to host arrays."""

    def close(self) -> None:
        """Free what it holds."""


RunnerT = TypeVar("RunnerT", bound=Runner)


class Session(Closing, Generic[RunnerT]):
    """Detect objects in images with an engine; a context manager.

    Args:
        engine: Takes ``image`` (B, 3, h, w) float32; gives boxes, scores, labels and count, and
            masks if the detector has them.
        preprocess: From an image to the engine's input.
        postprocess: What its outputs mean.
        labels: Class names by label.
        batch: B; missing images of a batch are filled up with zeros.

    Attributes:
        max_detections: Rows of the engine's outputs, known once it has run.
    """

    def __init__(
        self,
        engine: RunnerT,
        preprocess: Preprocess,
        postprocess: Postprocess,
        labels: tuple[str, ...],
        batch: int = 1,
    ) -> None:
        self.engine = engine
        self.preprocess = preprocess
        self.postprocess = postprocess
        self.labels = labels
        self.batch = batch
        self.max_detections: int | None = None

    @staticmethod
    def open(bundle: Runnable | str | Path, *, verified_only: bool = True) -> Session[Engine]:
        """Load a bundle's engine.

        Args:
            bundle: A bundle that was checked, or what running it takes; or its folder, which is
                checked first.
            verified_only: Refuse what the bundle's certificates do not cover: another runtime
                version, another processor architecture or GPU.

        Raises:
            BundleError: The folder is not a whole and unchanged bundle that runs here.
            EngineError: The engine cannot be loaded.
        """
        if isinstance(bundle, str | Path):
            bundle = load_bundle(bundle, check_machine=verified_only)
        record = bundle.engine
        options = option_texts(str(record.device.get("options", "default")))
        backend = get_backend(record.name, options)
        engine = open_engine(backend, bundle, _model_of(bundle), rebuild=not verified_only)
        if verified_only and record.runs_on != "cpu":
            try:
                check_gpu(bundle.platforms, record.name, engine.device.name)
            except BundleMachineError:
                engine.close()
                raise
        return Session(engine, bundle.preprocess, bundle.postprocess, bundle.labels, record.batch)

    def detect(self, image: Image.Image) -> Detections:
        """Detect objects in one image of any size and mode.

        Returns:
            Detections with boxes in the image's own pixels, clipped to it, best first; masks too
            if the detector gives them.

        Raises:
            DetectError: The engine gives something else than detections of these labels.
            DetectionError: The image's mode cannot become RGB.
        """
        return self.detect_batch([image])[0]

    def detect_batch(self, images: Sequence[Image.Image]) -> list[Detections]:
        """Detect objects in at most ``batch`` images.

        Raises:
            DetectError: Too many images, or as in `detect`.
        """
        inputs, letterboxes = self.prepare(images)
        return self.finish(self.engine.run({IMAGE: inputs}), letterboxes)

    def prepare(
        self, images: Sequence[Image.Image]
    ) -> tuple[npt.NDArray[np.float32], tuple[Letterbox, ...]]:
        """Return the engine's input (B, 3, h, w), and per image the way back to its pixels.

        Raises:
            DetectError: Too many images, or none.
            DetectionError: An image's mode cannot become RGB.
        """
        if not 0 < len(images) <= self.batch:
            raise DetectError(f"the engine takes 1 to {self.batch} images, got {len(images)}")
        placed = [self.preprocess.apply(image) for image in images]
        inputs = np.zeros((self.batch, 3, *self.preprocess.input_hw), np.float32)
        for row, (array, _) in enumerate(placed):
            inputs[row] = array
        return inputs, tuple(letterbox for _, letterbox in placed)

    def finish(
        self, outputs: Mapping[str, npt.NDArray[Any]], letterboxes: Sequence[Letterbox]
    ) -> list[Detections]:
        """Return what the engine's outputs mean, per image, in its own pixels.

        Raises:
            DetectError: The engine gives something else than detections of these labels.
        """
        self.max_detections = outputs["scores"].shape[-1] if "scores" in outputs else None
        found = []
        for row, letterbox in enumerate(letterboxes):
            detections = self._checked(outputs, row)
            boxes = letterbox.to_original(detections.boxes)
            cells = unpad_masks(outputs, row, len(detections))
            masks = None if cells is None else paste_masks(cells, detections.boxes, letterbox)
            found.append(Detections(boxes, detections.scores, detections.labels, masks))
        return found

    def close(self) -> None:
        """Free the engine; the session cannot be used afterwards."""
        self.engine.close()

    def _checked(self, outputs: Mapping[str, npt.NDArray[Any]], row: int) -> Detections:
        detections = unpad(outputs, row)
        wrong = (detections.labels < 0) | (detections.labels >= len(self.labels))
        if wrong.any():
            raise DetectError(
                f"the engine gives label {int(detections.labels[wrong][0])}, "
                f"but there are {len(self.labels)} labels"
            )
        return detections


def _model_of(bundle: Runnable) -> Model:
    """Return what the backend builds the engine from."""
    inputs = example_inputs(bundle.engine.batch, bundle.preprocess.input_hw)
    if bundle.engine.name == "torch":
        from .network import torch_model

        if not isinstance(bundle, Bundle):
            bundle = load_bundle(bundle.path, check_machine=False)
        return torch_model(bundle, inputs)
    names = (*OUTPUTS, MASKS) if bundle.postprocess.masks else OUTPUTS
    return OnnxFile(bundle.onnx_path, inputs, names, bundle.arch, bundle.engine.written_in)
