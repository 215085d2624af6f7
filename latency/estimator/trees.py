"""Sums of decision trees as plain arrays: no pickle, no scikit-learn to evaluate them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PredictorError

Floats = npt.NDArray[np.float64]
_CELLS = 1 << 21  # (sample, tree) pairs walked at once
FIELDS = ("feature", "threshold", "left", "right", "value", "missing_left", "roots")


@dataclass(frozen=True, slots=True)
class Forest:
    """Hold all nodes of all trees one after the other.

    Attributes:
        feature: Column that a node looks at ``(nodes,)``; -1 at a leaf.
        threshold: A sample goes left where its feature is at most this ``(nodes,)``.
        left: Index of the left child ``(nodes,)``.
        right: Index of the right child ``(nodes,)``.
        value: What a leaf adds ``(nodes,)``.
        missing_left: Whether a missing feature (``nan``) goes left ``(nodes,)``.
        roots: Index of each tree's first node ``(trees,)``.
        baseline: Added to the sum of the leaves.
    """

    feature: npt.NDArray[np.int32]
    threshold: Floats
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: Floats
    missing_left: npt.NDArray[np.bool_]
    roots: npt.NDArray[np.int32]
    baseline: float

    def predict(self, table: Floats) -> Floats:
        """Return the sums ``(n,)`` for features ``(n, f)``."""
        step = max(1, _CELLS // max(1, len(self.roots)))
        sums = [self._sums(table[i : i + step]) for i in range(0, len(table), step)]
        return np.concatenate(sums) if sums else np.zeros(0)

    def _sums(self, table: Floats) -> Floats:
        trees, columns = len(self.roots), table.shape[1]
        nodes = np.tile(self.roots, len(table)).astype(np.int64)
        cells = np.repeat(np.arange(len(table)) * columns, trees)
        flat, walking = np.ascontiguousarray(table).ravel(), np.arange(len(nodes))
        while len(walking):
            at = nodes[walking]
            inner = self.feature[at] >= 0
            walking, at = walking[inner], at[inner]
            seen = flat[cells[walking] + self.feature[at]]
            goes_left = np.where(np.isnan(seen), self.missing_left[at], seen <= self.threshold[at])
            nodes[walking] = np.where(goes_left, self.left[at], self.right[at])
        leaves = self.value[nodes].reshape(len(table), trees)
        return np.asarray(self.baseline + leaves.sum(1))

    def renumbered(self, columns: npt.NDArray[np.int64]) -> Forest:
        """Return the same trees over a wider table in which their column i is ``columns[i]``."""
        inner = self.feature >= 0
        feature = np.where(inner, columns[np.where(inner, self.feature, 0)], -1).astype(np.int32)
        return replace(self, feature=feature)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what :meth:`from_arrays` takes."""
        found: dict[str, npt.NDArray[Any]] = {name: getattr(self, name) for name in FIELDS}
        return {**found, "baseline": np.array(self.baseline)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], columns: int) -> Forest:
        """Read back what :meth:`arrays` gave.

        Args:
            arrays: By name.
            columns: How many features there are.

        Raises:
            PredictorError: An array is missing or the nodes are no trees.
        """
        missing = [name for name in (*FIELDS, "baseline") if name not in arrays]
        if missing:
            raise PredictorError(f"the trees lack {', '.join(missing)}")
        forest = cls(
            arrays["feature"],
            arrays["threshold"],
            arrays["left"],
            arrays["right"],
            arrays["value"],
            arrays["missing_left"],
            arrays["roots"],
            float(arrays["baseline"]),
        )
        forest._check(columns)
        return forest

    def _check(self, columns: int) -> None:
        """Refuse nodes that would walk in circles or out of the arrays."""
        nodes = len(self.feature)
        if any(len(getattr(self, name)) != nodes for name in FIELDS[:-1]):
            raise PredictorError("the trees' arrays differ in length")
        index, inner = np.arange(nodes), self.feature >= 0
        children = np.stack([self.left, self.right])[:, inner]
        if (
            (self.feature >= columns).any()
            or (children <= index[inner]).any()
            or (children >= nodes).any()
            or ((self.roots < 0) | (self.roots >= nodes)).any()
        ):
            raise PredictorError("the trees' nodes point where no node or feature is")
        if not (np.isfinite(self.value).all() and np.isfinite(self.baseline)):
            raise PredictorError("the trees' leaves hold numbers that are not finite")


def forest_of(model: Any) -> Forest:
    """Take the trees out of a fitted ``HistGradientBoostingRegressor`` (scikit-learn >= 1.3)."""
    trees = [stage[0].nodes for stage in model._predictors]
    starts = np.cumsum([0, *(len(nodes) for nodes in trees)])
    nodes = np.concatenate(trees)
    shift = np.repeat(starts[:-1], np.diff(starts))
    leaf = nodes["is_leaf"].astype(bool)
    return Forest(
        np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32),
        nodes["num_threshold"].astype(np.float64),
        (nodes["left"] + shift).astype(np.int32),
        (nodes["right"] + shift).astype(np.int32),
        np.where(leaf, nodes["value"], 0.0),
        nodes["missing_go_to_left"].astype(bool),
        starts[:-1].astype(np.int32),
        float(np.ravel(model._baseline_prediction)[0]),
    )


def join(forests: list[Forest]) -> Forest:
    """Return one forest that gives the mean of several."""
    sizes = np.cumsum([0, *(len(forest.feature) for forest in forests)])[:-1]
    pairs = list(zip(forests, sizes, strict=True))
    return Forest(
        np.concatenate([forest.feature for forest in forests]),
        np.concatenate([forest.threshold for forest in forests]),
        np.concatenate([forest.left + size for forest, size in pairs]).astype(np.int32),
        np.concatenate([forest.right + size for forest, size in pairs]).astype(np.int32),
        np.concatenate([forest.value for forest in forests]) / len(forests),
        np.concatenate([forest.missing_left for forest in forests]),
        np.concatenate([forest.roots + size for forest, size in pairs]).astype(np.int32),
        sum(forest.baseline for forest in forests) / len(forests),
    )
