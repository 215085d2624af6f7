"""Faults of the files of a bundle: names of classes, another network."""

from __future__ import annotations

from collections.abc import Callable

import torch

from detection import Detector
from export import detector_to_onnx

from .mutation import ANY, BOTH, Mutation, Workpiece


def _labels(change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Callable[[Workpiece], None]:
    def plant(work: Workpiece) -> None:
        work.labels = change(work.labels)

    return plant


def _other_network(work: Workpiece) -> None:
    """Deploy the same architecture from other random weights."""

    with torch.random.fork_rng():
        torch.manual_seed(1)
        work.model = detector_to_onnx(Detector(work.specimen.detector.spec).eval())


CATALOGUE = (
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
"""Faults of files."""
