"""Does the evaluator rank architectures as their own training does?

Some architectures of a run are trained by themselves and scored on the same images as the
evaluator's; Kendall's tau between both scores tells how far the run's order can be trusted. Papers
on one-shot search report it after the fact (Yu et al., ICLR 2020, "Evaluating the search phase of
neural architecture search"); here a run carries it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchspaces import make_space, write_atomically

from .errors import RunError
from .journal import Evaluation
from .result import SearchResult

if TYPE_CHECKING:
    from detection import TrainConfig

    from .evaluators import Evaluator

Progress = Callable[[str, float, float], None]

ANCHORS_FILE = "anchors.json"
SCHEMA_VERSION = 1
FEWEST = 5
"""Anchors that an interval can be told for."""

MIN_TAU = 0.5
"""Below, a front is not to be trusted: every fourth pair stands in the wrong order."""

NORMAL_95 = 1.959964
FIELLER = 0.437


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """Compare the evaluator's order with that of architectures trained by themselves.

    Attributes:
        objective: What was compared.
        kendall_tau: Rank correlation, tau-b, -1..1.
        interval: Its 95 % interval, by Fieller, Hartley and Pearson (Biometrika 1957): the
            inverse hyperbolic tangent of tau has the variance 0.437 / (n - 4).
        anchors: How many were trained by themselves.
        threshold: What tau should reach.
    """

    objective: str
    kendall_tau: float
    interval: tuple[float, float]
    anchors: int
    threshold: float = MIN_TAU

    @property
    def trusted(self) -> bool:
        """Return whether the order is that of real trainings: better than chance, and enough."""
        return self.kendall_tau >= self.threshold and self.interval[0] > 0

    @property
    def warning(self) -> str | None:
        """Return why the front is not to be trusted; ``None`` where it is."""
        if self.trusted:
            return None
        low, high = self.interval
        return (
            f"the evaluator ranks {self.anchors} architectures that were trained by themselves "
            f"with a Kendall tau of {self.kendall_tau:.2f} (95 % interval {low:.2f} to "
            f"{high:.2f}), needed {self.threshold:g} and an interval above 0: the front is not "
            "to be trusted; train the supernet longer, or search with --evaluator scratch"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "trusted": self.trusted, "warning": self.warning}


def rank_agreement(
    objective: str,
    scores: Sequence[float],
    trained: Sequence[float],
    threshold: float = MIN_TAU,
) -> RankAgreement | None:
    """Return how two scores of the same architectures agree in their order.

    Args:
        objective: What they tell.
        scores: The evaluator's.
        trained: Of the same architectures, trained by themselves.
        threshold: What tau should reach.

    Returns:
        ``None`` for fewer than five, or where all of one side are the same.
    """
    from scipy.stats import kendalltau

    if len(scores) < FEWEST:
        return None
    tau = float(kendalltau(scores, trained).statistic)
    if math.isnan(tau):
        return None
    within = min(max(tau, -1 + 1e-9), 1 - 1e-9)
    reach = NORMAL_95 * math.sqrt(FIELLER / (len(scores) - 4))
    low, high = (math.tanh(math.atanh(within) + sign * reach) for sign in (-1, 1))
    return RankAgreement(objective, tau, (low, high), len(scores), threshold)


def train_anchors(
    result: SearchResult,
    data_dir: str | Path,
    training: TrainConfig,
    count: int,
    *,
    seed: int = 0,
    pretrained: Path | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> RankAgreement | None:
    """Train some architectures of a run by themselves and compare the order.

    They are drawn at random of all that were evaluated, so that tau is that of the run and not of
    its extremes; images are split as the run split them. What is trained is kept in
    ``RUN/anchors.json``: a killed call goes on, and a later one with more anchors adds to them.

    Args:
        result: A run of the supernet or any other evaluator that scores accuracy.
        data_dir: The folder that the run was searched on.
        training: Of each anchor.
        count: How many anchors.
        seed: Draws them.
        pretrained: Folder with ImageNet's weights for their backbones.
        device: Where they are trained.
        progress: Called as ``progress(message, done, total)``.

    Returns:
        ``None`` where the order cannot be told; see `rank_agreement`.

    Raises:
        RunError: The run has too few results, or was searched on other images; or its anchors
            were trained otherwise.
        DatasetError: The data is not there or damaged.
        TrainingError: A training failed.
    """
    anchors = choose_anchors(result, count, seed)
    evaluator, identity = _evaluator(
        result, Path(data_dir), training, pretrained, device, progress
    )
    book = _Book(result.folder / ANCHORS_FILE, goal_of(result), identity)
    for done, anchor in enumerate(anchors):
        if progress is not None:
            progress("training anchors", done, len(anchors))
        if anchor.code not in book.scores:
            book.put(anchor.code, evaluator.evaluate(anchor.architecture)[goal_of(result)])
    return read_agreement(result)


def read_agreement(result: SearchResult, threshold: float = MIN_TAU) -> RankAgreement | None:
    """Return what a run's anchors tell so far; ``None`` without enough of them.

    Raises:
        RunError: The file of the anchors is damaged, or of another run.
    """
    path = result.folder / ANCHORS_FILE
    if not path.is_file():
        return None
    told, goal = _read(path), goal_of(result)
    if told["objective"] != goal:
        raise RunError(
            f"{path} tells of {told['objective']!r}, the run evaluates {goal!r}; it belongs to "
            "another run: remove it to train the anchors anew"
        )
    column = [objective.name for objective in result.objectives].index(goal)
    scores = {e.code: e.values[column] for e in result.candidates if e.status == "ok"}
    codes = [code for code in told["scores"] if code in scores]
    return rank_agreement(
        goal, [scores[c] for c in codes], [told["scores"][c] for c in codes], threshold
    )


def choose_anchors(result: SearchResult, count: int, seed: int = 0) -> tuple[Evaluation, ...]:
    """Draw anchors of all evaluations with a result; more of them begin with the same.

    Raises:
        RunError: Fewer were evaluated, or fewer than five are asked for.
    """
    done = [evaluation for evaluation in result.candidates if evaluation.status == "ok"]
    if not FEWEST <= count <= len(done):
        raise RunError(
            f"{count} anchors cannot be drawn of the {len(done)} evaluations in {result.folder}; "
            f"ask for {FEWEST} to {len(done)}"
        )
    order = np.random.default_rng(seed).permutation(len(done))[:count]
    return tuple(done[int(place)] for place in order)


def goal_of(result: SearchResult) -> str:
    """Return the objective that the evaluator tells.

    Raises:
        RunError: All of the run's objectives are known without evaluating.
    """
    for objective in result.objectives:
        if not objective.is_known:
            return objective.name
    raise RunError(f"the run in {result.folder} evaluates nothing that training could confirm")


def _evaluator(
    result: SearchResult,
    data_dir: Path,
    training: TrainConfig,
    pretrained: Path | None,
    device: str,
    progress: Progress | None,
) -> tuple[Evaluator, dict[str, Any]]:
    """Return what trains an anchor, and what its score depends on."""
    from .detector_search import SearchSettings
    from .scratch_training import ScratchStage

    config = result.config
    settings = SearchSettings(evaluator="scratch", seed=config.seed, pretrained=pretrained)
    kept = config.context.get("search_images")
    if isinstance(kept, int):
        settings = replace(settings, search_images=kept)
    space = make_space(config.space, **config.space_options)
    stage = ScratchStage(space, data_dir, settings, training, device)
    searched_on = config.context.get("data")
    if searched_on not in (None, stage.identity):
        raise RunError(
            f"the run in {result.folder} was searched on other images than those of {data_dir}; "
            "name the folder that it was searched on"
        )
    stage.prepare(result.folder, progress)
    identity = {
        "training": training.decisive,
        "pretrained": pretrained is not None,
        "data": stage.identity,
    }
    return stage, json.loads(json.dumps(identity))


class _Book:
    """Keep the scores of anchors in a file, each as soon as it is known."""

    def __init__(self, path: Path, objective: str, identity: Mapping[str, Any]) -> None:
        self._path, self._objective, self._identity = path, objective, dict(identity)
        self.scores: dict[str, float] = {}
        if path.is_file():
            told = _read(path)
            if (told["objective"], told["identity"]) != (objective, self._identity):
                raise RunError(
                    f"{path} holds anchors that were trained otherwise or on other images; train "
                    "with the same settings, or remove the file to begin anew"
                )
            self.scores = dict(told["scores"])

    def put(self, code: str, score: float) -> None:
        self.scores[code] = score
        content = {
            "schema_version": SCHEMA_VERSION,
            "objective": self._objective,
            "identity": self._identity,
            "scores": self.scores,
        }
        write_atomically(self._path, (json.dumps(content, indent=1) + "\n").encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        version, scores = told["schema_version"], told["scores"]
        whole = isinstance(told["identity"], dict) and isinstance(told["objective"], str)
        numbers = all(isinstance(score, float) for score in scores.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path}: no file of anchors, or a damaged one ({error})") from error
    if version != SCHEMA_VERSION or not whole or not numbers:
        raise RunError(
            f"{path}: schema version {version!r} with its fields is not what this release reads "
            f"({SCHEMA_VERSION}); remove the file to train the anchors anew"
        )
    plain: dict[str, Any] = told
    return plain
