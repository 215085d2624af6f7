"""Does the evaluator rank architectures as their own training does?

Some architectures of a run are trained by themselves and scored on the same images as the
evaluator's; Kendall's tau between both scores tells how far the run's order can be trusted. Papers
on one-shot search report it after the fact (Yu et al., ICLR 2020, "Evaluating the search phase of
neural architecture search"); here a run carries it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from ..training.scratch import ScratchStage
from .agreement import MIN_TAU, RankAgreement, rank_agreement

if TYPE_CHECKING:
    from detection import TrainConfig

    from ..evaluators import Evaluator

ANCHORS_FILE = "anchors.json"
SCHEMA_VERSION = 1


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
    Their AP is compared with whatever the evaluator tells, the score without training included.

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
            book.put(anchor.code, evaluator.evaluate(anchor.architecture)[ACCURACY.name])
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
