"""A score without training as one more feature of a model: never as what it learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from searchspaces import SearchSpaceError

from ..errors import EvaluatorError, StrategyError
from ..evaluators import entropy_score

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

Features = Callable[["Architecture"], npt.NDArray[np.float64]]


def scored_features(space: SearchSpace) -> Features:
    """Return a space's features with the entropy score of the backbone after them.

    About a millisecond for each architecture.

    Args:
        space: Any search space whose detectors can be scored.

    Raises:
        StrategyError: They cannot.
    """

    def features(arch: Architecture) -> npt.NDArray[np.float64]:
        score = entropy_score(space.detector(arch).nodes())
        return np.append(np.asarray(space.features(arch), dtype=np.float64), score)

    try:
        features(space.sample(np.random.default_rng(0)))
    except (SearchSpaceError, EvaluatorError) as error:
        raise StrategyError(
            f"training_free needs detectors whose backbones can be scored: {error}"
        ) from error
    return features
