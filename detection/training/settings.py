"""Everything that a training is told: how the loop runs, and on which images."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..data.splits.kinds import TRAIN, score_split_of
from .config import TrainConfig
from .warmup import fitted_warmup


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Say which images of a folder train a detector, how they are changed, and which score it.

    Attributes:
        split: What is trained on, as for `find_split`.
        score_split: What is scored on; ``None`` for what was held out of ``split`` where that
            was drawn (archval of archtrain, minival of trainval35k), else val.
        flip: Probability of the horizontal flip; ``None`` for the usual one.
        scale: Smallest and largest factor of the scale jitter; ``None`` for the usual ones.
    """

    split: str = TRAIN
    score_split: str | None = None
    flip: float | None = None
    scale: tuple[float, float] | None = None

    @property
    def scored(self) -> str:
        """Return the split that scores."""
        return score_split_of(self.split) if self.score_split is None else self.score_split


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Hold what a training is told.

    Attributes:
        config: Settings of the loop.
        images: What is trained and scored on.
        warmup_asked: Whether the warm-up was asked for; one that was not takes at most a tenth of
            the run.
        changes: What follows from what was asked for, one sentence each.
        split_asked: Whether the split was asked for; one that was not may give way to another.
    """

    config: TrainConfig
    images: ImageSettings = ImageSettings()
    warmup_asked: bool = True
    changes: tuple[str, ...] = ()
    split_asked: bool = False

    def for_images(self, count: int) -> TrainSettings:
        """Return the same for so many images, with a warm-up that the run has time for.

        Example:
            >>> settings = TrainSettings(TrainConfig(epochs=2, batch_size=2, warmup_steps=500))
            >>> settings.for_images(80).config.warmup_steps
            8
        """
        total = self.config.total_steps(count // self.config.batch_size)
        config, said = fitted_warmup(self.config, total, asked=self.warmup_asked)
        return replace(self, config=config, changes=(*self.changes, *said))
