"""Does the evaluator rank architectures as their own training does?

Some architectures of a run are trained by themselves and scored on the same images as the
evaluator's; Kendall's tau between both scores tells how far the run's order can be trusted. Papers
on one-shot search report it after the fact (Yu et al., ICLR 2020, "Evaluating the search phase of
neural architecture search"); here a run carries it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchspaces import make_space, write_atomically

from ..errors import RunError
from ..fidelity.kendall import FEWEST
from ..progress import Progress
from ..running.evaluation import Evaluation
from ..running.result import SearchResult
from ..settings import ACCURACY, SearchSettings
from ..training.images import USUAL_SPLIT
from ..training.procedure import require_here, whole_settings
from ..training.scratch import ScratchStage
from .agreement import MIN_TAU, RankAgreement, rank_agreement

if TYPE_CHECKING:
    from detection import TrainConfig, TrainSettings

ANCHORS_FILE = "anchors.json"
SCHEMA_VERSION = 1
ADDED = ("warmup_steps",)
"""What of the identity earlier releases did not write, so that it is not compared there."""


def train_anchors(
    result: SearchResult,
    data_dir: str | Path,
    training: TrainConfig | TrainSettings,
    count: int,
    *,
    seed: int = 0,
    pretrained: Path | None = None,
    threshold: float = MIN_TAU,
    device: str = "cpu",
    tell: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> RankAgreement | None:
    """Train some architectures of a run by themselves and compare the order.

    They are drawn at random of all that were evaluated, so that tau is that of the run and not of
    its extremes; images are split as the run split them. What is trained is kept in
    ``RUN/anchors.json``: a killed call goes on, and a later one with more anchors adds to them.
    Their AP is compared with whatever the evaluator tells, the score without training included.

    Args:
        result: A run of the supernet or any other evaluator that scores accuracy.
        data_dir: The folder that the run was searched on.
        training: Of each anchor, on the run's images.
        count: How many anchors.
        seed: Draws them.
        pretrained: Folder with ImageNet's weights for their backbones.
        threshold: What tau should reach, 0..1; kept with the anchors.
        device: Where they are trained.
        tell: Called with what follows from what was asked for, a sentence each.
        progress: Called as ``progress(message, done, total)``.

    Returns:
        ``None`` where the order cannot be told; see `rank_agreement`.

    Raises:
        RunError: The run has too few results, or was searched on other images; or its anchors
            were trained otherwise; or other splits are asked for; or no tau reaches the threshold.
        DatasetError: The data is not there or damaged.
        EvaluatorError: Curves for TensorBoard are asked for, which would be lost.
        TrainingError: A training failed, or cannot be done on the device.
    """
    if not 0 <= threshold <= 1:
        raise RunError(f"the threshold of tau must lie in 0..1, got {threshold}")
    anchors = choose_anchors(result, count, seed)
    whole = _on_the_runs_images(result, whole_settings(training))
    stage = _stage(result, Path(data_dir), whole, pretrained, device)
    require_here(whole, device)
    identity = _identity(stage, whole, pretrained)
    book = _Book(result.folder / ANCHORS_FILE, goal_of(result), identity, threshold)
    if tell is not None:
        for sentence in stage.notes.values():
            tell(sentence)
    stage.prepare(result.folder, progress, {"anchors": identity})  # apart from other settings
    for done, anchor in enumerate(anchors):
        if progress is not None:
            progress("training anchors", done, len(anchors))
        if anchor.code not in book.scores:
            book.put(anchor.code, stage.evaluate(anchor.architecture)[ACCURACY.name])
    return read_agreement(result)


def read_agreement(result: SearchResult, threshold: float | None = None) -> RankAgreement | None:
    """Return what a run's anchors tell so far; ``None`` without enough of them.

    Args:
        result: The run.
        threshold: What tau should reach; what it was checked by if left out.

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
    wanted = _threshold(told) if threshold is None else threshold
    return rank_agreement(
        goal, [scores[c] for c in codes], [told["scores"][c] for c in codes], wanted
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


def _on_the_runs_images(result: SearchResult, training: TrainSettings) -> TrainSettings:
    """Return the training on what the run has learnt from.

    Raises:
        RunError: It is asked to be on other images, or scored otherwise.
    """
    split = _searched_data(result).get("split", USUAL_SPLIT)
    images = training.images
    asked = training.split_asked or images.split != USUAL_SPLIT
    if (asked and images.split != split) or images.score_split is not None:
        raise RunError(
            f"anchors are trained and scored on the images of the run in {result.folder}, which "
            f"learnt from {split}; leave split and score_split out"
        )
    return replace(training, images=replace(images, split=split))


def _stage(
    result: SearchResult,
    data_dir: Path,
    training: TrainSettings,
    pretrained: Path | None,
    device: str,
) -> ScratchStage:
    """Return what trains an anchor, on the images of the run."""
    config = result.config
    settings = SearchSettings(
        evaluator="scratch",
        seed=config.seed,
        pretrained=pretrained,
        search_split=_searched_data(result).get("search_split"),
    )
    kept = config.context.get("search_images")
    if isinstance(kept, int):
        settings = replace(settings, search_images=kept)
    space = make_space(config.space, **config.space_options)
    stage = ScratchStage(space, data_dir, settings, training, device)
    if config.context.get("data") not in (None, stage.identity):
        raise RunError(
            f"the run in {result.folder} was searched on other images than those of {data_dir}; "
            "name the folder that it was searched on"
        )
    return stage


def _searched_data(result: SearchResult) -> Mapping[str, Any]:
    """Return what is recorded of the images; nothing of runs that saw none."""
    data = result.config.context.get("data")
    return data if isinstance(data, dict) else {}


def _identity(
    stage: ScratchStage, training: TrainSettings, pretrained: Path | None
) -> dict[str, Any]:
    """Return what an anchor's score depends on, as plain JSON."""
    images = {"flip": training.images.flip, "scale": training.images.scale}
    identity = {
        "training": training.config.decisive,
        "warmup_steps": stage.config.warmup_steps,  # as it fits the images
        "pretrained": pretrained is not None,
        "data": stage.identity,
        **{name: value for name, value in images.items() if value is not None},
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


class _Book:
    """Keep the scores of anchors in a file, each as soon as it is known."""

    def __init__(
        self, path: Path, objective: str, identity: Mapping[str, Any], threshold: float
    ) -> None:
        self._path, self._objective, self._identity = path, objective, dict(identity)
        self._threshold = threshold
        self.scores: dict[str, float] = {}
        if path.is_file():
            told = _read(path)
            if told["objective"] != objective or not _same(told["identity"], self._identity):
                raise RunError(
                    f"{path} holds anchors that were trained otherwise or on other images; train "
                    "with the same settings, or remove the file to train all of them anew by these"
                )
            self.scores = dict(told["scores"])
            if _threshold(told) != threshold:
                self._save()

    def put(self, code: str, score: float) -> None:
        self.scores[code] = score
        self._save()

    def _save(self) -> None:
        content = {
            "schema_version": SCHEMA_VERSION,
            "objective": self._objective,
            "identity": self._identity,
            "threshold": self._threshold,
            "scores": self.scores,
        }
        write_atomically(self._path, (json.dumps(content, indent=1) + "\n").encode())


def _same(told: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether both decide a score alike, as far as an earlier release has told it."""
    return told == {k: v for k, v in now.items() if k in told or k not in ADDED}


def _threshold(told: Mapping[str, Any]) -> float:
    """Return what tau should reach; files from before it could be chosen do not say."""
    return float(told.get("threshold", MIN_TAU))


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        version, scores = told["schema_version"], told["scores"]
        whole = isinstance(told["identity"], dict) and isinstance(told["objective"], str)
        numbers = all(isinstance(score, float) for score in scores.values())
        _threshold(told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path}: no file of anchors, or a damaged one ({error})") from error
    if version != SCHEMA_VERSION or not whole or not numbers:
        raise RunError(
            f"{path}: schema version {version!r} with its fields is not what this release reads "
            f"({SCHEMA_VERSION}); remove the file to train the anchors anew"
        )
    plain: dict[str, Any] = told
    return plain
