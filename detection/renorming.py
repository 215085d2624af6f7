"""Trained weights with group normalisation as ones with batch normalisation, for deployment.

Source: SM-NAS (Yao et al., AAAI 2020), stage two: detectors that were trained from scratch with
group normalisation and standardised weights go back to batch normalisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from searchspaces import DetectorSpec, parse_arch, sha256_of_file

from .data.coco import CocoDataset
from .data.layout import find_split, open_split
from .data.preprocess import Preprocess
from .data.splits.kinds import TRAIN, score_split_of
from .detector import Detector
from .errors import BuildError, DatasetError
from .extraction import IMAGES, image_batches
from .metric.coco_ap import CocoReport
from .metric.score import score_detector
from .metric.score_weights import detector_of, require_same_classes
from .norm_conversion import convert_norm
from .recalibrate import recalibrate_bn
from .training.outputs import checkpoints_beside, refuse_existing
from .weights import WeightsInfo, read_weights_info, save_weights

BATCH, GROUPED = "bn", ("gn", "gn_ws")
NORM = "norm"  # option of a space, and field of a detector's parts
SPLIT, SCORE_SPLIT = "split", "score_split"  # notes on weights: of what they learnt and scored
SCORES = ("ap", "ap50", "mask_ap", SCORE_SPLIT)  # notes on weights, which are not true of others

Part = TypeVar("Part")
Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class ConvertedWeights:
    """Say what was converted and what that cost.

    Attributes:
        weights: The file that was written.
        source: The file that was converted.
        architecture: ``space:code``.
        norm_before: Normalisation of the source: ``gn`` or ``gn_ws``.
        images: That statistics were computed from.
        before: Accuracy of the source; ``None`` where nothing could be scored.
        after: The same of what was written.
        score_split: What both were scored on; ``None`` where nothing could be scored.
    """

    weights: Path
    source: Path
    architecture: str
    norm_before: str
    images: int
    before: CocoReport | None = None
    after: CocoReport | None = None
    score_split: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, AP in points; ``None`` for what could not be scored."""
        before, after = (_points(report) for report in (self.before, self.after))
        return {
            "weights": str(self.weights),
            "source": str(self.source),
            "architecture": self.architecture,
            "norm_before": self.norm_before,
            "norm": BATCH,
            "images": self.images,
            "score_split": self.score_split,
            "ap_before": before,
            "ap": after,
            "ap_lost": None if before is None or after is None else before - after,
        }


def convert_weights(
    weights: str | Path,
    data_dir: str | Path,
    output: str | Path,
    *,
    images: int = IMAGES,
    split: str = TRAIN,
    score_split: str | None = None,
    device: str = "cpu",
    workers: int = 0,
    progress: Progress | None = None,
) -> ConvertedWeights:
    """Write a detector's weights with batch normalisation in place of group normalisation.

    Scales, shifts and the weights that convolutions compute with are kept, statistics are
    computed from training images; nothing is trained. Both normalisations compute different
    things, so that accuracy is lost.

    Args:
        weights: Of one detector, trained with ``norm=gn`` or ``norm=gn_ws``.
        data_dir: Data as the detector has learnt it.
        output: The weights file (.safetensors).
        images: How many images the statistics are computed from, the first ones; all of them if
            there are fewer.
        split: Whose images.
        score_split: What both are scored on. If left out, what scored the training; nothing where
            the data has no such split.
        device: Where is computed.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.

    Raises:
        BuildError: The weights are a supernet's, of a space that is unknown here, or have no
            group normalisation.
        CheckpointError: The weights are missing or damaged, or the output exists or cannot be
            written.
        DatasetError: The data is not there or damaged, or has other classes.
        TrainingError: Layers that run on boxes, or on detections, saw none.
    """
    weights, output = Path(weights), Path(output)
    refuse_existing(output, checkpoints_beside(output))
    info = read_weights_info(weights)
    norm = _grouped_norm(weights, info)
    detector = detector_of(weights, info).to(device).eval()
    dataset = _open(data_dir, split, detector, info).first(images)
    score_split, scored = _scored(data_dir, score_split, detector, info)
    score = partial(_score, scored, device, workers, progress)
    options = {**info.space_options, NORM: BATCH}
    space, arch = parse_arch(f"{info.space}:{info.architecture}", **options)
    batches = image_batches(dataset, device, workers, progress)
    before = score(detector)
    converted = to_batch_norm(detector, space.detector(arch), batches)
    after = score(converted)
    notes = {
        **{name: value for name, value in info.notes.items() if name not in SCORES},
        "converted_from": norm,
        "converted_sha256": sha256_of_file(weights),
        "recalibrated_on": len(dataset),
        **_score_notes(after, score_split),
    }
    save_weights(output, converted.cpu(), replace(info, space_options=options, notes=notes))
    name = f"{info.space}:{info.architecture}"
    return ConvertedWeights(output, weights, name, norm, len(dataset), before, after, score_split)


def to_batch_norm(detector: Detector, spec: DetectorSpec, batches: Iterable[Tensor]) -> Detector:
    """Return a detector with batch normalisation in place of group normalisation.

    Where the wanted detector has batch normalisation in some parts alone, such as the backbone,
    that of the others is folded into their convolutions.

    Args:
        detector: Stays as it is.
        spec: What is wanted: the same detector with batch normalisation, or none, in its parts.
        batches: Normalised images ``(b, 3, h, w)`` on the detector's device, for the statistics.

    Raises:
        BuildError: The detectors differ in more than normalisation.
        TrainingError: There is no batch; or layers that run on boxes, or on detections, saw none.
    """
    converted = convert_norm(detector, with_batch_norm(detector.spec))
    recalibrate_bn(converted, batches)
    return fold_norm(converted, spec)


def with_batch_norm(part: Part) -> Part:
    """Return a detector, or a part of one, with batch normalisation for group normalisation."""
    changed: dict[str, Any] = {}
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if field.name == NORM and value in GROUPED:
            changed[NORM] = BATCH
        elif is_dataclass(value):
            changed[field.name] = with_batch_norm(value)
    return replace(part, **changed)  # type: ignore[type-var]


@torch.no_grad()
def fold_norm(detector: Detector, spec: DetectorSpec) -> Detector:
    """Return a detector that lacks some batch normalisation and detects the same.

    Args:
        detector: With statistics of its own; it goes into evaluation mode.
        spec: The same detector, with biases in place of the normalisation of some parts.

    Raises:
        BuildError: The detectors differ in more than normalisation.
    """
    folded = convert_norm(detector.eval(), spec)
    targets = dict(folded.named_modules())
    for name, block in detector.named_modules():
        children = list(block.named_children()) if isinstance(block, nn.Sequential) else []
        for (first, conv), (second, norm) in pairwise(children):
            kept = isinstance(targets.get(f"{name}.{second}"), nn.BatchNorm2d)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and not kept:
                fused = fuse_conv_bn_eval(conv, norm)
                targets[f"{name}.{first}"].load_state_dict(fused.state_dict())
    return folded


def _grouped_norm(path: Path, info: WeightsInfo) -> str:
    """Return the normalisation of weights that can be converted.

    Raises:
        BuildError: They have none that could be.
    """
    norm = info.space_options.get(NORM, BATCH)
    if norm not in GROUPED:
        raise BuildError(
            f"{path}: has norm={norm}, and what was trained with norm={' or norm='.join(GROUPED)} "
            "is converted; export takes the file as it is"
        )
    return str(norm)


def _scored(
    data_dir: str | Path, split: str | None, detector: Detector, info: WeightsInfo
) -> tuple[str | None, CocoDataset | None]:
    """Open what is scored on, if there is such with an object to find; with its name."""
    if split is None:
        split = _usual_score_split(info)
        try:
            find_split(data_dir, split)
        except DatasetError:  # none, so that the result says that nothing was scored
            return None, None
    dataset = _open(data_dir, split, detector, info)
    return (None, None) if dataset.annotations.objects.ignored.all() else (split, dataset)


def _usual_score_split(info: WeightsInfo) -> str:
    """Return what scored the weights' training, or what has to: they have not learnt it."""
    learnt = str(info.notes.get(SPLIT, TRAIN))
    return str(info.notes.get(SCORE_SPLIT) or score_split_of(learnt))


def _score_notes(report: CocoReport | None, split: str | None) -> dict[str, Any]:
    """Return what is noted of a score; nothing where there is none."""
    if report is None:
        return {}
    return {SCORE_SPLIT: split, "ap": report.ap, "ap50": report.ap50}


def _open(data_dir: str | Path, split: str, detector: Detector, info: WeightsInfo) -> CocoDataset:
    dataset = open_split(data_dir, split, Preprocess(detector.spec.input_hw)).plain()
    require_same_classes(dataset, info)
    return dataset


def _score(
    scored: CocoDataset | None,
    device: str,
    workers: int,
    progress: Progress | None,
    detector: Detector,
) -> CocoReport | None:
    if scored is None:
        return None
    return score_detector(detector, scored, device=device, workers=workers, progress=progress)


def _points(report: CocoReport | None) -> float | None:
    return None if report is None else 100 * report.ap
