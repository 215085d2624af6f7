"""Running a detector, as torch module or as engine, over a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from searchspaces import MASKS, OUTPUTS

from ..errors import MetricError
from .detections import ImageDetections
from .pasting import paste_masks

if TYPE_CHECKING:
    import torch

    from ..data.coco import CocoDataset, Target

INPUT_NAME = "image"

AnyArray = npt.NDArray[Any]
Outputs = tuple[AnyArray, ...]
Run = Callable[[npt.NDArray[np.float32]], Outputs]
Progress = Callable[[str, float, float], None]


class NamedRunner(Protocol):
    """Anything that runs on named arrays: an engine."""

    def run(self, inputs: Mapping[str, AnyArray]) -> Mapping[str, AnyArray]:
        """Return the outputs by name."""
        ...


def run_engine(engine: NamedRunner) -> Run:
    """Return an engine as the function that `detect_dataset` calls."""

    def run(images: npt.NDArray[np.float32]) -> Outputs:
        outputs = engine.run({INPUT_NAME: images})
        masks = (outputs[MASKS],) if MASKS in outputs else ()
        return (*(outputs[name] for name in OUTPUTS), *masks)

    return run


def run_module(module: torch.nn.Module, device: str = "cpu") -> Run:
    """Return a torch detector as the function that `detect_dataset` calls.

    The module is used as it is: move it to `device` and set ``eval()`` before.
    """
    import torch

    def run(images: npt.NDArray[np.float32]) -> Outputs:
        with torch.inference_mode():
            outputs = module(torch.from_numpy(images).to(device, non_blocking=True))
        return tuple(
            (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()
            for tensor in outputs
        )

    return run


def detect_dataset(
    run: Run,
    dataset: CocoDataset,
    *,
    batch_size: int = 1,
    workers: int = 0,
    pin_memory: bool = False,
    progress: Progress | None = None,
) -> list[ImageDetections]:
    """Detect in every image of a data set that is opened for evaluation.

    Every batch that `run` sees has exactly `batch_size` images, because engines have fixed
    shapes: the last one is filled up by repeating its last image.

    Args:
        run: From images (B, 3, h, w) float32 to boxes (B, D, 4) xyxy in input pixels, scores
            (B, D), labels (B, D) zero-based, and count (B,): rows from count on are padding; a
            detector with masks gives those too, (B, D, m, m) probabilities inside of each box.
        dataset: Opened without augmentation.
        batch_size: B.
        workers: Processes that read the next images while `run` computes; with 0 both take turns.
            Batches are run one by one, each one's outputs copied back before the next.
        pin_memory: Whether to read into page-locked memory, from which a GPU copies faster.
        progress: Called as ``progress(message, done, total)`` in images.

    Returns:
        One entry per image, in the data set's order: boxes in original pixels, clipped to the
        image, category ids as in the annotation file, and masks where the detector gives them.

    Raises:
        MetricError: The data set augments, or an output has the wrong shape, a label outside of
            the data set's classes, or a number that is not finite.
        DatasetError: An image is damaged.
    """
    from ..data.loader import make_loader, read_batches

    category_ids = np.asarray(dataset.annotations.category_ids, np.int64)
    detections: list[ImageDetections] = []
    loader = make_loader(dataset, batch_size, workers=workers, pin_memory=pin_memory)
    for images, targets in read_batches(loader):
        batch = images.numpy()
        if len(batch) < batch_size:
            filling = np.repeat(batch[-1:], batch_size - len(batch), axis=0)
            batch = np.concatenate([batch, filling])
        outputs = _checked(run(batch), batch_size)
        for row, target in enumerate(targets):
            detections.append(_of_image(outputs, row, target, category_ids))
        if progress is not None:
            progress("detecting", len(detections), len(dataset))
    return detections


def _checked(outputs: Outputs, batch_size: int) -> Outputs:
    if len(outputs) not in (len(OUTPUTS), len(OUTPUTS) + 1):
        raise MetricError(
            f"expected {', '.join(OUTPUTS)} and perhaps {MASKS}, got {len(outputs)} outputs"
        )
    boxes, scores, labels, count, *masks = (np.asarray(array) for array in outputs)
    rows = scores.shape[1] if scores.ndim == 2 else -1
    shapes = (boxes.shape, scores.shape, labels.shape, count.shape)
    if shapes != ((batch_size, rows, 4), (batch_size, rows), (batch_size, rows), (batch_size,)):
        raise MetricError(
            f"expected boxes ({batch_size}, D, 4), scores and labels ({batch_size}, D) and count "
            f"({batch_size},), got {', '.join(map(str, shapes))}"
        )
    for array in masks:
        if array.ndim != 4 or array.shape[:2] != scores.shape:
            raise MetricError(f"expected masks ({batch_size}, {rows}, m, m), got {array.shape}")
    if ((count < 0) | (count > rows)).any():
        raise MetricError(f"count must lie in 0..{rows}, got {count.tolist()}")
    return boxes, scores, labels, count, *masks


def _of_image(
    outputs: Outputs, row: int, target: Target, category_ids: npt.NDArray[np.int64]
) -> ImageDetections:
    boxes, scores, labels, count, *masks = outputs
    used = slice(0, int(count[row]))
    found = labels[row, used].astype(np.int64)
    image_id, letterbox = target["image_id"], target["letterbox"]
    if letterbox is None:
        raise MetricError("the data set augments its images; open it without augment")
    if not all(np.isfinite(array[row, used]).all() for array in (boxes, scores, *masks)):
        numbers = "box, score or mask" if masks else "box or score"
        raise MetricError(f"image {image_id}: the model gave a {numbers} that is not finite")
    if ((found < 0) | (found >= len(category_ids))).any():
        raise MetricError(
            f"image {image_id}: labels must lie in 0..{len(category_ids) - 1}, "
            f"got {int(found.min())}..{int(found.max())}; the model has other classes"
        )
    return ImageDetections(
        image_id,
        letterbox.to_original(boxes[row, used]),
        scores[row, used],
        category_ids[found],
        paste_masks(masks[0][row, used], boxes[row, used], letterbox) if masks else None,
    )
