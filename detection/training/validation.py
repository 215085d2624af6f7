"""Scores on validation images while a run goes on, and which step was the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from ..errors import TrainingError
from .averaging import averaged
from .checkpoint import TrainState
from .config import TrainConfig
from .processes import current_processes
from .report import BestStep, TrainRow

Progress = Callable[[str, float, float], None]
Validate = Callable[[Progress], Mapping[str, float]]
"""Score what is trained, in evaluation mode: names and numbers 0..1, more is better.

The first one is what steps are compared by. Called with what hears of progress, in images; where
several processes train, by each of them at the same step.
"""


class Validator:
    """Score a run at some of its steps, which do not depend on it.

    Args:
        validate: Scores what is trained; ``None`` where nothing can.
        config: Settings of the run.
        total: Steps of the run.
        steps_per_epoch: Of the run.

    Raises:
        TrainingError: Scores are asked for and nothing is there that scores.
    """

    def __init__(
        self, validate: Validate | None, config: TrainConfig, total: int, steps_per_epoch: int
    ) -> None:
        if config.evaluate_every and validate is None:
            raise TrainingError(
                f"evaluate_every is {config.evaluate_every}, but what is trained has no score: a "
                "supernet's paths need statistics of their own, and other data has no validation "
                "images; set evaluate_every=0"
            )
        self._validate, self._config, self._total = validate, config, total
        unit = 1 if config.epochs is None else steps_per_epoch
        self._interval = config.evaluate_every * unit

    def falls_on(self, step: int) -> bool:
        """Return whether the run is scored after so many steps."""
        return self._interval > 0 and (step % self._interval == 0 or step == self._total)

    def is_due(self, state: TrainState) -> bool:
        """Return whether the last step is to be scored and was not yet."""
        if not state.history or not self.falls_on(state.step):
            return False
        last = state.history[-1]
        return last.step == state.step and not last.scores

    def run(
        self, state: TrainState, tell: Callable[[str], None], cut_short: Callable[[], bool]
    ) -> bool:
        """Score the weights that the run would leave now, and put that into its last row.

        Of several processes, each scores with the running statistics of the first one, which it
        saves, and takes its scores, so that all hold the same step for the best.

        Args:
            state: Its weights are the same afterwards.
            tell: Called with how far it is.
            cut_short: Whether to give up; asked after every batch of images.

        Returns:
            Whether it was done.

        Raises:
            TrainingError: There is nothing that scores.
        """
        if self._validate is None:
            raise TrainingError("there is nothing that scores the run")
        processes = current_processes()

        def heard(message: str, done: float, total: float) -> None:
            if cut_short():
                raise _CutShortError
            tell(f"scoring {done:.0f}/{total:.0f} images")

        with averaged(state.root, state.average):
            processes.copy_statistics(state.root)
            state.root.eval()
            try:
                scores = dict(self._validate(heard))
            except _CutShortError:
                return False
            finally:
                state.root.train()
        row = replace(state.history[-1], scores=processes.gather(scores)[0])
        state.history[-1] = row
        if self._config.keep_best:
            state.best = better_of(state.best, row)
        return True


class _CutShortError(Exception):
    """A signal came while the run was scored."""


def better_of(best: BestStep | None, row: TrainRow) -> BestStep | None:
    """Return the better one of the best step so far and a scored one; of equals the later.

    A score that is NaN, as without any object to find, is never the best.
    """
    score = next(iter(row.scores.values()), math.nan)
    if math.isnan(score) or (best is not None and score < best.score):
        return best
    return BestStep(row.step, score)


def progress_text(history: list[TrainRow]) -> str:
    """Return the last loss and the last score, as progress tells them."""
    text = f"loss {history[-1].total:.3f}"
    scored = next((row for row in reversed(history) if row.scores), None)
    if scored is None:
        return text
    name, score = next(iter(scored.scores.items()))
    return f"{text}, {name} {100 * score:.1f} at {scored.step}"
