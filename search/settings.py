"""What to search for and how: everything that a search of detectors is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .budgets.devices import Device
from .errors import EvaluatorError, RunError
from .evaluators.proxy import SCORE
from .fidelity import Fidelity
from .objectives.latency import SpaceChoice
from .objectives.objective import Objective

SEARCH_IMAGES = 5000  # DetNAS, sec. 4: validation images carved out of the training data

ACCURACY = Objective("ap", "max", "AP")
GOALS: dict[str, Objective] = {
    "classification": Objective("top1", "max", "%"),
    "proxy": Objective(SCORE, "max"),
    "scratch": ACCURACY,
    "supernet": ACCURACY,
    "table": ACCURACY,
}
"""Name of an evaluator -> what it tells."""
TRAINING_EVALUATORS = ("classification", "scratch", "supernet")
GRADED_EVALUATORS = ("scratch", "supernet")
"""Evaluators of which a part can be asked: of the training's steps, or of the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Say what to search for and how.

    Attributes:
        budget_ms: Latency that every proposal keeps; ``None`` searches the whole range.
        confidence: Probability with which the budget is kept, by the predictor's residuals;
            ``None`` bounds the predicted median.
        strategy: A key of :data:`STRATEGIES`.
        strategy_options: Its options.
        evaluator: ``supernet``; ``classification``, a supernet whose backbones classify images;
            ``scratch``, which trains every candidate by itself; ``table`` with ``table`` naming a
            file of known results; or ``proxy``, a score without training, for a first look: it is
            no accuracy.
        table: The file of the ``table`` evaluator.
        evals: Evaluations, failed ones included.
        seed: Of strategy, data split and augmentation; the supernet has its own, that of its
            training settings.
        search_images: Training images kept out of training to score architectures on; at most a
            fifth of them.
        recalibration_images: Images that a path's normalisation statistics are computed from.
        pretrained: Folder with torchvision's ImageNet weights, which the ``scratch`` evaluator
            begins with; from nothing if left out.
        start: Weights of a supernet's backbone, which the ``supernet`` evaluator's training begins
            with, such as those of a pre-training; from nothing if left out (DetNAS-scratch).
        space: The space, where the predictor does not tell: it was fitted on several, or is a
            simulated device.
        devices: Further devices: each gets its own latency objective and its own front, from one
            set of evaluations.
        on_every_device: Whether every detector keeps the budgets of all devices; otherwise that
            of one is enough.
        counted: Further known objectives, ``macs`` or ``params``, with the most that a detector
            may have, or ``None``.
        fidelity: Compares candidates by parts of an evaluation first, rung by rung; ``None``
            evaluates every candidate whole.
    """

    budget_ms: float | None = None
    confidence: float | None = 0.9
    strategy: str = "detnas-ea"
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    evaluator: str = "supernet"
    table: Path | None = None
    evals: int = 1000
    seed: int = 0
    search_images: int = SEARCH_IMAGES
    recalibration_images: int = 500
    pretrained: Path | None = None
    start: Path | None = None
    space: SpaceChoice = field(default_factory=SpaceChoice)
    devices: tuple[Device, ...] = ()
    on_every_device: bool = False
    counted: Mapping[str, float | None] = field(default_factory=dict)
    fidelity: Fidelity | None = None

    def __post_init__(self) -> None:
        if self.evaluator not in GOALS:
            known = ", ".join(GOALS)
            raise EvaluatorError(f"unknown evaluator {self.evaluator!r}; known: {known}")
        if self.fidelity is not None and self.evaluator not in GRADED_EVALUATORS:
            raise EvaluatorError(
                f"the {self.evaluator} evaluator knows no part of an evaluation; --fidelity is "
                f"for {' and '.join(GRADED_EVALUATORS)}"
            )
        if (self.evaluator == "table") != (self.table is not None):
            raise EvaluatorError(
                "the table evaluator needs a file of known results (--table), and no other does"
            )
        if self.pretrained is not None and self.evaluator != "scratch":
            raise EvaluatorError(
                "only the scratch evaluator begins with ImageNet's weights (--pretrained); the "
                f"evaluator is {self.evaluator}"
            )
        if self.start is not None and self.evaluator != "supernet":
            raise EvaluatorError(
                "only the training of a supernet begins with the weights of another (--start); "
                f"the evaluator is {self.evaluator}"
            )
        for name in ("search_images", "recalibration_images"):
            if getattr(self, name) < 1:
                raise RunError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.confidence is not None and not 0.0 < self.confidence < 1.0:
            raise RunError(
                "confidence of a budget must lie between 0 and 1 (0.95, not 95), got "
                f"{self.confidence!r}"
            )
