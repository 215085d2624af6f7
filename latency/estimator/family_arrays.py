"""A family as plain named arrays, and back: what predictor files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PredictorError
from .family import Family, Trend, column_count
from .kriging import Kriging
from .shape import Axes
from .trees import Forest

Arrays = Mapping[str, npt.NDArray[Any]]
_FOREST = "forest."


def family_to_arrays(family: Family) -> dict[str, npt.NDArray[Any]]:
    """Return every number of a family by name; text as unicode arrays, nothing pickled."""
    axes, trend, kriging = family.axes, family.trend, family.kriging
    found: dict[str, npt.NDArray[Any]] = {
        "names": np.array(axes.names),
        "low": axes.low,
        "high": axes.high,
        "kept": np.array(axes.kept, np.int64),
        **{f"trend.{field.name}": getattr(trend, field.name) for field in fields(Trend)},
        "places": kriging.places,
        "values": kriging.values,
        "scales": kriging.scales,
        "log_ms": family.log_ms,
        "reach": np.array(family.reach),
        "scores": family.scores,
    }
    if family.forest is not None:
        found |= {_FOREST + name: array for name, array in family.forest.arrays().items()}
    return found


def family_from_arrays(arrays: Arrays) -> Family:
    """Read back what :func:`family_to_arrays` gave.

    Raises:
        PredictorError: An array is missing, holds what it must not, or does not fit the others.
    """
    try:
        axes = Axes(
            tuple(map(str, arrays["names"])),
            _numbers(arrays, "low"),
            _numbers(arrays, "high"),
            tuple(int(index) for index in arrays["kept"]),
        )
        trend = Trend(*(_numbers(arrays, f"trend.{field.name}") for field in fields(Trend)))
        kriging = Kriging(*(_numbers(arrays, name) for name in ("places", "values", "scales")))
        log_ms, scores = _numbers(arrays, "log_ms"), _numbers(arrays, "scores")
        reach = float(_numbers(arrays, "reach"))
    except KeyError as error:
        raise PredictorError(f"the array {error.args[0]!r} is missing") from None
    count = len(log_ms)
    _check(axes, kriging, count)
    if not len(scores):
        raise PredictorError("the array 'scores' is empty; fit the table again")
    trees = {k.removeprefix(_FOREST): v for k, v in arrays.items() if k.startswith(_FOREST)}
    forest = Forest.from_arrays(trees, column_count(axes)) if trees else None
    return Family(axes, trend, kriging, log_ms, reach, forest, np.sort(scores))


def _check(axes: Axes, kriging: Kriging, count: int) -> None:
    names, kept = len(axes.names), len(axes.kept)
    if (
        axes.low.shape != (names,)
        or axes.high.shape != (names,)
        or any(not 0 <= index < names for index in axes.kept)
        or kriging.places.shape != (count, kept)
        or kriging.values.shape != (count,)
        or kriging.scales.shape != (kept,)
    ):
        raise PredictorError("the arrays of places, values and axes do not fit one another")


def _numbers(arrays: Arrays, name: str) -> npt.NDArray[np.float64]:
    array = arrays[name]
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise PredictorError(f"the array {name!r} must hold finite numbers")
    return array.astype(np.float64)
