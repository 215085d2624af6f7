"""Faults around the graph: preprocessing, what a runtime does with the outputs, labels, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from detection import Letterbox, Preprocess
from export import Detections, detector_to_onnx

from .mutation import ANY, BOTH, DeployedSession, Mutation, Workpiece

Array = npt.NDArray[Any]
Outputs = dict[str, Array]
Filter = Image.Resampling


# --- what the bundle says of its preprocessing


def described(**values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that describes another preprocessing."""

    def plant(work: Workpiece) -> None:
        work.preprocess = replace(work.preprocess, **values)

    return plant


# --- a runtime of its own


def runtime(change: Callable[[DeployedSession], None]) -> Callable[[Workpiece], None]:
    """Return the planting that changes the session that runs the bundle."""

    def plant(work: Workpiece) -> None:
        work.runtime = change

    return plant


@dataclass(frozen=True)
class OtherPreprocess(Preprocess):
    """Preprocess as another program would.

    Attributes:
        fit: Places an image of a size into an input.
        resample: Resizes pixels to (height, width).
        finish: Changes the finished input.
    """

    fit: Callable[..., Letterbox] = Letterbox.fit
    resample: Callable[[Image.Image, tuple[int, int]], Image.Image] | None = None
    finish: Callable[[Array, Letterbox], Array] = lambda array, letterbox: array

    def apply(self, image: Image.Image) -> tuple[npt.NDArray[np.float32], Letterbox]:
        rgb = image.convert("RGB")
        letterbox = self.fit((rgb.height, rgb.width), self.input_hw)
        resample = self.resample or (lambda one, hw: one.resize(hw[::-1], Filter.BILINEAR))
        placed = self.place(np.asarray(resample(rgb, letterbox.resized_hw)))
        return self.finish(placed, letterbox).astype(np.float32), letterbox


def preprocessing(**changes: Any) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that preprocesses otherwise."""

    def change(session: DeployedSession) -> None:
        own = session.preprocess
        values = {name: getattr(own, name) for name in Preprocess.__slots__}
        session.preprocess = OtherPreprocess(**values, **changes)

    return runtime(change)


def filtered(resample: Filter) -> Callable[[Workpiece], None]:
    """Return the planting of another filter."""
    return preprocessing(resample=lambda image, hw: image.resize(hw[::-1], resample))


def _without_antialias(image: Image.Image, hw: tuple[int, int]) -> Image.Image:
    """Resize as OpenCV's and most engines' bilinear filters do: two pixels an axis."""
    pixels = np.asarray(image, np.float64)
    for axis, (size, wanted) in enumerate(zip(pixels.shape[:2], hw, strict=True)):
        place = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, size - 1)
        shape = [-1 if i == axis else 1 for i in range(3)]
        share = (place - low).reshape(shape)
        pixels = pixels.take(low, axis) * (1 - share) + pixels.take(high, axis) * share
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def _corners_aligned(image: Image.Image, hw: tuple[int, int]) -> Image.Image:
    """Resize so that the first and last pixels' centres stay where they are."""
    pixels = np.asarray(image, np.float64)
    for axis, (size, wanted) in enumerate(zip(pixels.shape[:2], hw, strict=True)):
        place = np.linspace(0, size - 1, wanted)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, size - 1)
        share = (place - low).reshape([-1 if i == axis else 1 for i in range(3)])
        pixels = pixels.take(low, axis) * (1 - share) + pixels.take(high, axis) * share
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


@dataclass(frozen=True)
class OtherLetterbox(Letterbox):
    """Map boxes back as another program would.

    Attributes:
        back: From boxes in input pixels and the letterbox to boxes in the image.
    """

    back: Callable[[Array, Letterbox], Array] = lambda boxes, letterbox: boxes

    def to_original(self, boxes: Array) -> Array:
        return np.asarray(self.back(boxes, Letterbox(*self.plain)), np.float64)

    @property
    def plain(self) -> tuple[tuple[int, int], ...]:
        """Return the geometry."""
        return self.original_hw, self.resized_hw, self.input_hw


def mapped_back(back: Callable[[Array, Letterbox], Array]) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that maps boxes back otherwise."""

    def fit(original_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
        own = Letterbox.fit(original_hw, input_hw)
        return OtherLetterbox(own.original_hw, own.resized_hw, own.input_hw, back)

    return preprocessing(fit=fit)


def _stretched(original_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
    return Letterbox(original_hw, input_hw, input_hw)


def _centred(array: Array, letterbox: Letterbox) -> Array:
    """Move the image to the middle of the input, as YOLO's letterbox does."""
    down, right = (
        (whole - part) // 2
        for whole, part in zip(letterbox.input_hw, letterbox.resized_hw, strict=True)
    )
    return np.roll(array, (down, right), (1, 2))


def _moved(array: Array, _: Letterbox) -> Array:
    return np.roll(array, 1, 2)


def _turned(array: Array, _: Letterbox) -> Array:
    """Give rows as columns, as a reader that mixes up height and width does."""
    channels, height, width = array.shape
    return array.transpose(0, 2, 1).reshape(channels, height, width)


def _channels_last(array: Array, _: Letterbox) -> Array:
    """Give the bytes of (h, w, 3) to an input of (3, h, w)."""
    return array.transpose(1, 2, 0).reshape(array.shape)


def _in_whole_steps(array: Array, _: Letterbox) -> Array:
    """Cut normalised pixels to tenths, as a fixed-point pipeline does."""
    return np.trunc(array * 10) / 10


def _from_scale_of_width(boxes: Array, letterbox: Letterbox) -> Array:
    """Map back by the width's scale on both axes and forget to clip."""
    return boxes * letterbox.original_hw[1] / letterbox.resized_hw[1]


def _from_input_size(boxes: Array, letterbox: Letterbox) -> Array:
    """Map back as if the image filled the input."""
    (height, width), (rows, columns) = letterbox.original_hw, letterbox.input_hw
    return boxes * np.tile((width / columns, height / rows), 2)


def _scales_swapped(boxes: Array, letterbox: Letterbox) -> Array:
    x, y = letterbox.scale_xy
    return boxes / np.tile((y, x), 2)


def _rounded(boxes: Array, letterbox: Letterbox) -> Array:
    return letterbox.to_original(boxes).round()


def _half_pixel(boxes: Array, letterbox: Letterbox) -> Array:
    return letterbox.to_original(np.asarray(boxes, np.float64) - 0.5)


def _clipped_to_input(boxes: Array, letterbox: Letterbox) -> Array:
    """Clip to the input's size instead of the image's, after mapping back."""
    height, width = (0.8 * side for side in letterbox.original_hw)
    return np.clip(letterbox.unscale(boxes), 0, (width, height, width, height))


# --- what a runtime does with the outputs


def outputs(change: Callable[[Outputs], Outputs]) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that reads the outputs otherwise."""

    def on(session: DeployedSession) -> None:
        before = session.finish
        session.finish = lambda made, boxes: before(change(dict(made)), boxes)  # type: ignore[method-assign]

    return runtime(on)


def detections(change: Callable[[Detections], Detections]) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that works on the detections of an image."""

    def on(session: DeployedSession) -> None:
        before = session.finish
        session.finish = lambda made, boxes: [change(found) for found in before(made, boxes)]  # type: ignore[method-assign]

    return runtime(on)


def _suppressed_again(found: Detections) -> Detections:
    """Suppress once more, at IoU 0.3 and across classes."""
    keep = np.ones(len(found), np.bool_)
    for row in range(len(found)):
        if keep[row]:
            for other in range(row + 1, len(found)):
                keep[other] &= _iou(found.boxes[row], found.boxes[other]) <= 0.3
    return found.select(keep)


def _iou(one: Array, other: Array) -> float:
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    area = [float((box[2:] - box[:2]).prod()) for box in (one, other)]
    overlap = float(sides.prod())
    return overlap / max(sum(area) - overlap, 1e-9)


def _best_of_each_class(found: Detections) -> Detections:
    seen: set[int] = set()
    keep = [label not in seen and not seen.add(label) for label in found.labels.tolist()]  # type: ignore[func-returns-value]
    return found.select(np.array(keep, np.bool_))


def _first_dropped(found: Detections) -> Detections:
    """Start at row one."""
    return found.select(np.arange(len(found)) > 0)


def _shifted_labels(made: Outputs) -> Outputs:
    return made | {"labels": np.maximum(made["labels"] - 1, 0)}


def _padding_read(made: Outputs) -> Outputs:
    rows = made["scores"].shape[1]
    return made | {"count": np.full_like(made["count"], rows)}


def _scores_in_percent(made: Outputs) -> Outputs:
    return made | {"scores": np.rint(made["scores"] * 10) / 10}


def _labels_of_scores(made: Outputs) -> Outputs:
    """Read labels one row off, as after a sort of the scores alone."""
    return made | {"labels": np.roll(made["labels"], 1, 1)}


# --- labels and files


def _labels(change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Callable[[Workpiece], None]:
    def plant(work: Workpiece) -> None:
        work.labels = change(work.labels)

    return plant


def _other_network(work: Workpiece) -> None:
    """Deploy the same architecture from other random weights."""
    import torch

    from detection import Detector

    with torch.random.fork_rng():
        torch.manual_seed(1)
        work.model = detector_to_onnx(Detector(work.specimen.detector.spec).eval())


CATALOGUE = (
    Mutation(
        "described-bgr",
        "the bundle describes BGR where RGB was trained",
        "preprocessing",
        "pipeline",
        ANY,
        described(channel_order="BGR"),
    ),
    Mutation(
        "described-mean-std-half",
        "mean and standard deviation are 0.5",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    ),
    Mutation(
        "described-not-normalised",
        "pixels are only scaled to 0..1",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    ),
    Mutation(
        "described-mean-reversed",
        "means are those of the channels in the reverse order",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229)),
    ),
    Mutation(
        "described-pad-value",
        "padding is black instead of the mean colour",
        "preprocessing",
        "pipeline",
        ANY,
        described(pad_value=-2.0),
    ),
    Mutation(
        "resize-nearest",
        "images are resized by their nearest pixels",
        "preprocessing",
        "pipeline",
        ANY,
        filtered(Filter.NEAREST),
    ),
    Mutation(
        "resize-bicubic",
        "images are resized by a bicubic filter",
        "preprocessing",
        "pipeline",
        ANY,
        filtered(Filter.BICUBIC),
    ),
    Mutation(
        "resize-box",
        "images are resized by averaging boxes",
        "preprocessing",
        "pipeline",
        ANY,
        filtered(Filter.BOX),
    ),
    Mutation(
        "resize-without-antialias",
        "images are resized bilinearly without antialiasing",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(resample=_without_antialias),
    ),
    Mutation(
        "resize-align-corners",
        "images are resized with aligned corners",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(resample=_corners_aligned),
    ),
    Mutation(
        "resize-stretched",
        "images are stretched to the input",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(fit=_stretched),
    ),
    Mutation(
        "letterbox-centred",
        "images stand in the middle of the input, boxes are mapped from the corner",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_centred),
    ),
    Mutation(
        "image-one-pixel-off",
        "images stand one pixel to the right",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_moved),
    ),
    Mutation(
        "image-transposed",
        "height and width of the image are swapped",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_turned),
    ),
    Mutation(
        "channels-last",
        "an image of (h, w, 3) is read as (3, h, w)",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_channels_last),
    ),
    Mutation(
        "pixels-cut",
        "normalised pixels are cut to tenths",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_in_whole_steps),
    ),
    Mutation(
        "pixels-scaled-twice",
        "pixels are divided by 255 twice",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.485 * 255,) * 3, std=(0.229 * 255,) * 3),
    ),
    Mutation(
        "scale-not-undone",
        "boxes stay in input pixels",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(lambda boxes, letterbox: boxes),
    ),
    Mutation(
        "scale-of-the-input",
        "boxes are mapped back as if the image filled the input",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_from_input_size),
    ),
    Mutation(
        "scale-of-one-axis",
        "boxes are mapped back by the width's scale on both axes and not clipped",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_from_scale_of_width),
    ),
    Mutation(
        "scales-swapped",
        "the scales of the axes are swapped",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_scales_swapped),
    ),
    Mutation(
        "boxes-rounded",
        "boxes are rounded to whole pixels",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_rounded),
    ),
    Mutation(
        "boxes-half-a-pixel-off",
        "boxes are half an input pixel off",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_half_pixel),
    ),
    Mutation(
        "boxes-clipped-too-soon",
        "boxes are clipped to four fifths of the image",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_clipped_to_input),
    ),
    Mutation(
        "suppressed-again",
        "the runtime suppresses once more",
        "postprocessing",
        "pipeline",
        ANY,
        detections(_suppressed_again),
    ),
    Mutation(
        "one-object-per-class",
        "the runtime keeps the best detection of each class",
        "postprocessing",
        "pipeline",
        ANY,
        detections(_best_of_each_class),
    ),
    Mutation(
        "first-row-dropped",
        "the runtime starts at the second row",
        "postprocessing",
        "pipeline",
        ANY,
        detections(_first_dropped),
    ),
    Mutation(
        "threshold-in-the-runtime",
        "the runtime drops scores below 0.3",
        "postprocessing",
        "pipeline",
        ANY,
        detections(lambda found: found.above(0.3)),
    ),
    Mutation(
        "padding-read",
        "the runtime ignores the count and reads padded rows",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_padding_read),
    ),
    Mutation(
        "background-in-the-runtime",
        "the runtime takes label 0 for the background",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_shifted_labels),
    ),
    Mutation(
        "labels-one-row-off",
        "labels are read one row off",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_labels_of_scores),
    ),
    Mutation(
        "scores-in-steps",
        "scores are rounded to tenths",
        "postprocessing",
        "pipeline",
        ANY,
        outputs(_scores_in_percent),
    ),
    Mutation(
        "labels-swapped",
        "two names of labels.json are swapped",
        "labels",
        "pipeline",
        ANY,
        _labels(lambda labels: (labels[1], labels[0], *labels[2:])),
    ),
    Mutation(
        "labels-rotated",
        "the names of labels.json are one off",
        "labels",
        "pipeline",
        ANY,
        _labels(lambda labels: (*labels[1:], labels[0])),
    ),
    Mutation(
        "labels-with-background",
        "labels.json begins with a background",
        "labels",
        "pipeline",
        ANY,
        _labels(lambda labels: ("background", *labels)),
    ),
    Mutation(
        "labels-of-other-data",
        "labels.json is another data set's",
        "labels",
        "pipeline",
        ANY,
        _labels(lambda labels: tuple(f"thing {n}" for n in range(len(labels)))),
    ),
    Mutation(
        "other-network",
        "the graph is of other random weights",
        "files",
        "tensors",
        BOTH,
        _other_network,
    ),
)
"""Faults around the graph."""
