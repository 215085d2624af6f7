"""What to search for and how: everything that a search of detectors is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .budgets.devices import Device
from .errors import EvaluatorError, RunError
from .evaluators.proxy import SCORE
from .fidelity import Fidelity
from .objectives.latency import SpaceChoice
from .objectives.objective import Objective
from .strategies import StrategyFactory

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
IMAGES_FOR = {
    "search_images": TRAINING_EVALUATORS,
    "recalibration_images": ("classification", "supernet"),
}
"""Number of images -> the evaluators that use them."""

ONLY_FOR = {
    "pretrained": ("scratch", "the scratch evaluator begins with ImageNet's weights"),
    "start": ("supernet", "the training of a supernet begins with the weights of another"),
    "supernet": ("supernet", "the supernet evaluator scores by a supernet that is there already"),
}
"""Setting -> the one evaluator that heeds it, and what that does with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Say what to search for and how.

    Attributes:
        budget_ms: Latency that every proposal keeps; ``None`` searches the whole range.
        confidence: Probability with which the budget is kept, by the predictor's residuals;
            ``None`` bounds the predicted median.
        strategy: A key of :data:`STRATEGIES`, or the class of a strategy from elsewhere.
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
        supernet: Weights of a supernet of the space that is trained already, such as by a recipe:
            the ``supernet`` evaluator then trains nothing.
        search_split: Split to score architectures on, such as ``archval``; if left out, that which
            was held out for the search where its rest is learnt from, else images held out here.
        macs_bins: Bins of multiply-adds that a supernet's training draws its paths over; 0 draws
            them uniformly.
        recipe: Name of the paper's procedure that is trained by, for the record.
        space: The space, where the predictor does not tell: it was fitted on several, or is a
            simulated device.
        devices: Further devices: each gets its own latency objective and its own front, from one
            set of evaluations.
        on_every_device: Whether every detector keeps the budgets of all devices; otherwise that
            of one is enough.
        counted: Further known objectives of :data:`search.COUNTED`, such as ``macs``, with the
            most that a detector may have, or ``None``.
        fidelity: Compares candidates by parts of an evaluation first, rung by rung; ``None``
            evaluates every candidate whole.

    Raises:
        EvaluatorError: The evaluator is unknown, lacks what it needs, or has no use for a setting.
        RunError: A value is out of range, or would bound nothing.
    """

    budget_ms: float | None = None
    confidence: float | None = 0.9
    strategy: str | StrategyFactory = "detnas-ea"
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    evaluator: str = "supernet"
    table: Path | None = None
    evals: int = 1000
    seed: int = 0
    search_images: int = SEARCH_IMAGES
    recalibration_images: int = 500
    pretrained: Path | None = None
    start: Path | None = None
    supernet: Path | None = None
    search_split: str | None = None
    macs_bins: int = 0
    recipe: str | None = None
    space: SpaceChoice = field(default_factory=SpaceChoice)
    devices: tuple[Device, ...] = ()
    on_every_device: bool = False
    counted: Mapping[str, float | None] = field(default_factory=dict)
    fidelity: Fidelity | None = None

    def __post_init__(self) -> None:
        if self.evaluator not in GOALS:
            known = ", ".join(GOALS)
            raise EvaluatorError(f"unknown evaluator {self.evaluator!r}; known: {known}")
        _check_evaluator(self)
        _check_training(self)
        _check_images(self)
        _check_confidence(self)
        _check_budgets(self)


def _check_evaluator(settings: SearchSettings) -> None:
    """Refuse what the evaluator would not heed."""
    name = settings.evaluator
    if settings.fidelity is not None and name not in GRADED_EVALUATORS:
        raise EvaluatorError(
            f"the {name} evaluator knows no part of an evaluation; --fidelity is for "
            f"{' and '.join(GRADED_EVALUATORS)}"
        )
    if (name == "table") != (settings.table is not None):
        raise EvaluatorError(
            "the table evaluator needs a file of known results (--table), and no other does"
        )
    for option, (user, does) in ONLY_FOR.items():
        if getattr(settings, option) is not None and name != user:
            raise EvaluatorError(f"only {does} (--{option}); the evaluator is {name}")
    if settings.search_split is not None and name not in GRADED_EVALUATORS:
        raise EvaluatorError(
            f"the {name} evaluator scores on no split (--search-split), which is for "
            f"{' and '.join(GRADED_EVALUATORS)}; leave it out"
        )


def _check_training(settings: SearchSettings) -> None:
    """Refuse what no training of the search would heed."""
    trained = settings.supernet
    if trained is not None and settings.start is not None:
        raise EvaluatorError(
            f"{trained} is trained already (--supernet) and begins with no other weights "
            "(--start); give one of them"
        )
    if settings.macs_bins < 0:
        raise RunError(f"macs_bins must be at least 0, got {settings.macs_bins}")
    if settings.macs_bins and (settings.evaluator != "supernet" or trained is not None):
        raise EvaluatorError(
            "macs_bins are those of a supernet's training to detect, and this search has none; "
            "leave them out"
        )


def _check_images(settings: SearchSettings) -> None:
    """Refuse numbers of images that are below 1, or not the usual ones where none are used."""
    for name, users in IMAGES_FOR.items():
        count = getattr(settings, name)
        if count < 1:
            raise RunError(f"{name} must be at least 1, got {count}")
        if count != _usual(name) and settings.evaluator not in users:
            option = f"--{name.replace('_', '-')}"
            raise EvaluatorError(
                f"the {settings.evaluator} evaluator has no use for {option} ({count}), which is "
                f"for {', '.join(users)}; leave it out"
            )


def _check_confidence(settings: SearchSettings) -> None:
    """Refuse a confidence that is none, or without any latency to keep."""
    confidence, limits = settings.confidence, _latency_budgets(settings)
    if confidence is not None and not 0.0 < confidence < 1.0:
        raise RunError(
            f"confidence of a budget must lie between 0 and 1 (0.95, not 95), got {confidence!r}"
        )
    if confidence != _usual("confidence") and all(each is None for each in limits):
        raise RunError(
            f"confidence ({confidence or 0}) is that of a latency budget, and there is none; give "
            "one by --budget-ms, or leave --confidence out"
        )


def _check_budgets(settings: SearchSettings) -> None:
    """Refuse budgets, or the wish to keep all of them, that would bound nothing."""
    budgets = _latency_budgets(settings)
    given = [each for each in budgets if each is not None]
    if settings.on_every_device:
        if not settings.devices or not given:
            lacks = "a budget" if settings.devices else "a further device (--also)"
            raise RunError(
                "--on-every-device keeps the budgets of several devices, and this search lacks "
                f"{lacks}; give one, or leave it out"
            )
    elif given and len(given) < len(budgets):
        raise RunError(
            f"a budget ({given[0]:g} ms) beside a device without one bounds nothing, for a "
            "detector that keeps the budget of one device is enough; give every device a budget "
            "(NAME=PREDICTOR@MS), or keep those that there are by --on-every-device"
        )


def _latency_budgets(settings: SearchSettings) -> tuple[float | None, ...]:
    """Return the budgets in ms of the first and of the further devices."""
    return (settings.budget_ms, *(device.budget_ms for device in settings.devices))


def _usual(name: str) -> object:
    """Return a setting's default."""
    return next(each.default for each in fields(SearchSettings) if each.name == name)
