"""An ensemble of randomised trees: the surrogate of many points.

Geurts, Ernst, Wehenkel, "Extremely randomized trees", Machine Learning 2006,
doi:10.1007/s10994-006-6226-1. What the trees, each grown on its own bootstrap sample, disagree by
is the doubt: Hutter, Hoos, Leyton-Brown, "Sequential model-based optimization for general
algorithm configuration", LION 2011, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .base import Floats

TREES = 100
LEAST_DOUBT = 0.02  # of the spread of the values: trees that agree may be wrong together


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Model values by the mean of many trees.

    Attributes:
        features: ``(n, d)`` of what was evaluated.
        values: ``(n,)`` of it.
        seed: Of the trees.
    """

    features: Floats
    values: Floats
    seed: int

    def predict(self, features: Floats, pending: Floats) -> tuple[Floats, Floats]:
        """Return means and standard deviations ``(n,)``.

        What is pending changes nothing here: its mean is what the trees say already.
        """
        table = np.ascontiguousarray(features, dtype=np.float32)
        votes = np.stack([tree.predict(table).ravel() for tree in self._trees])
        least = LEAST_DOUBT * float(self.values.std())
        return votes.mean(axis=0), np.maximum(votes.std(axis=0), least)

    @cached_property
    def _trees(self) -> list[Any]:
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(
            TREES, min_samples_leaf=2, max_features=0.5, bootstrap=True, random_state=self.seed
        )
        forest.fit(self.features, self.values)
        return [tree.tree_ for tree in forest.estimators_]
