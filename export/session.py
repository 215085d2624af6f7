"""A bundle's engine, ready for images; needs the engine's package, NumPy and Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from detection import Preprocess, paste_masks
from engines import get_backend, option_texts
from searchspaces import IMAGE, MASKS, OUTPUTS

from .bundle import Bundle, load_bundle
from .errors import BundleMachineError, DetectError
from .onnx_file import OnnxFile, example_inputs
from .postprocess import Detections, Postprocess, unpad, unpad_masks
from .runnable import Runnable

if TYPE_CHECKING:
    from typing_extensions import Self

    from engines import Engine, Model


class Runner(Protocol):
    """What a session needs of an engine."""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, npt.NDArray[Any]]:
        """Run once, host arrays to host arrays."""

    def close(self) -> None:
        """Free what it holds."""


RunnerT = TypeVar("RunnerT", bound=Runner)


class Session(Generic[RunnerT]):
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
    def open(bundle: Bundle | Runnable | str | Path) -> Session[Engine]:
        """Load a bundle's engine.

        Args:
            bundle: A bundle that was checked, or what running it takes; or its folder, which is
                checked first.

        Raises:
            BundleError: The folder is not a whole and unchanged bundle that runs here.
            EngineError: The engine cannot be loaded.
        """
        if isinstance(bundle, str | Path):
            bundle = load_bundle(bundle)
        ready = bundle if isinstance(bundle, Runnable) else bundle.runnable
        record = ready.engine
        options = option_texts(str(record.device.get("options", "default")))
        engine = get_backend(record.name, options).build(
            _model_of(bundle, ready),
            precision=record.precision,
            threads=record.threads,
            device=record.runs_on,
        )
        checked_on = record.device.get("name")
        if record.runs_on != "cpu" and engine.device.name != checked_on:
            engine.close()
            raise BundleMachineError(
                f"the engine was checked on {checked_on}, {record.runs_on} is "
                f"{engine.device.name} here; export the detector again on this machine"
            )
        return Session(engine, ready.preprocess, ready.postprocess, ready.labels, record.batch)

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
        if not 0 < len(images) <= self.batch:
            raise DetectError(f"the engine takes 1 to {self.batch} images, got {len(images)}")
        placed = [self.preprocess.apply(image) for image in images]
        inputs = np.zeros((self.batch, 3, *self.preprocess.input_hw), np.float32)
        for row, (array, _) in enumerate(placed):
            inputs[row] = array
        outputs = self.engine.run({IMAGE: inputs})
        self.max_detections = outputs["scores"].shape[-1] if "scores" in outputs else None
        found = []
        for row, (_, letterbox) in enumerate(placed):
            detections = self._checked(outputs, row)
            boxes = letterbox.to_original(detections.boxes)
            cells = unpad_masks(outputs, row, len(detections))
            masks = None if cells is None else paste_masks(cells, detections.boxes, letterbox)
            found.append(Detections(boxes, detections.scores, detections.labels, masks))
        return found

    def close(self) -> None:
        """Free the engine; the session cannot be used afterwards."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _checked(self, outputs: Mapping[str, npt.NDArray[Any]], row: int) -> Detections:
        detections = unpad(outputs, row)
        wrong = (detections.labels < 0) | (detections.labels >= len(self.labels))
        if wrong.any():
            raise DetectError(
                f"the engine gives label {int(detections.labels[wrong][0])}, "
                f"but there are {len(self.labels)} labels"
            )
        return detections


def _model_of(bundle: Bundle | Runnable, ready: Runnable) -> Model:
    """Return what the backend builds the engine from."""
    inputs = example_inputs(ready.engine.batch, ready.preprocess.input_hw)
    if ready.engine.name == "torch":
        from .network import torch_model

        whole = bundle if isinstance(bundle, Bundle) else load_bundle(ready.path)
        return torch_model(whole, inputs)
    names = (*OUTPUTS, MASKS) if ready.postprocess.masks else OUTPUTS
    return OnnxFile(ready.onnx_path, inputs, names, ready.arch)
