"""A family as plain named arrays, and back: what predictor files hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PredictorError
from .blend import Blend
from .family import Family, column_count
from .kriging import ORDERS, Kriging
from .prior import Prior
from .shape import Axes
from .trees import Forest
from .trend import Trend
from .waves import COUNT, Waves

Arrays = Mapping[str, npt.NDArray[Any]]
_FOREST, _BLEND, _WAVES, _PRIOR = "forest.", "blend.", "trend.waves", "trend.prior"
_TREND = ("centre", "spread", "limits", "weights")


def family_to_arrays(family: Family) -> dict[str, npt.NDArray[Any]]:
    """Return every number of a family by name; text as unicode arrays, nothing pickled."""
    axes, trend, kriging = family.axes, family.trend, family.kriging
    found: dict[str, npt.NDArray[Any]] = {
        "names": np.array(axes.names),
        "low": axes.low,
        "high": axes.high,
        "kept": np.array(axes.kept, np.int64),
        **{f"trend.{name}": getattr(trend, name) for name in _TREND},
        "places": kriging.places,
        "values": kriging.values,
        "scales": kriging.scales,
        "order": np.array(kriging.order),
        "log_ms": family.log_ms,
        "reach": np.array(family.reach),
        "scores": family.scores,
    }
    if trend.waves is not None:
        found[_WAVES] = trend.waves.logs
    if trend.prior is not None:
        prior = trend.prior
        found[_PRIOR] = np.array([prior.name, prior.precision, prior.specification])
    if family.forest is not None:
        found |= {_FOREST + name: array for name, array in family.forest.arrays().items()}
    if family.blend is not None:
        found |= {_BLEND + name: array for name, array in family.blend.arrays().items()}
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
        numbers = (_numbers(arrays, f"trend.{name}") for name in _TREND)
        trend = Trend(_waves(arrays), *numbers, prior=_prior(arrays))
        places, values, scales = (
            _numbers(arrays, name) for name in ("places", "values", "scales")
        )
        kriging = Kriging(places, values, scales, int(_numbers(arrays, "order")))
        log_ms, scores = _numbers(arrays, "log_ms"), _numbers(arrays, "scores")
        reach = float(_numbers(arrays, "reach"))
    except KeyError as error:
        raise PredictorError(f"the array {error.args[0]!r} is missing") from None
    count = len(log_ms)
    _check(axes, kriging, count)
    if not len(scores):
        raise PredictorError("the array 'scores' is empty; fit the table again")
    trees, layers = _part(arrays, _FOREST), _part(arrays, _BLEND)
    forest = Forest.from_arrays(trees, column_count(axes)) if trees else None
    blend = Blend.from_arrays(layers, len(axes.kept)) if layers else None
    return Family(axes, trend, kriging, log_ms, reach, forest, blend, np.sort(scores))


def _part(arrays: Arrays, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _waves(arrays: Arrays) -> Waves | None:
    if _WAVES not in arrays:
        return None
    logs = _numbers(arrays, _WAVES)
    if logs.shape != (COUNT,):
        raise PredictorError(f"the array {_WAVES!r} must hold {COUNT} numbers, got {logs.size}")
    return Waves(logs)


def _prior(arrays: Arrays) -> Prior | None:
    if _PRIOR not in arrays:
        return None
    if arrays[_PRIOR].shape not in ((2,), (3,)):
        raise PredictorError(
            f"the array {_PRIOR!r} must hold a device, a precision and a specification"
        )
    return Prior(*map(str, arrays[_PRIOR]))


def _check(axes: Axes, kriging: Kriging, count: int) -> None:
    names, kept = len(axes.names), len(axes.kept)
    if (
        axes.low.shape != (names,)
        or axes.high.shape != (names,)
        or any(not 0 <= index < names for index in axes.kept)
        or kriging.places.shape != (count, kept)
        or kriging.values.shape != (count,)
        or kriging.scales.shape != (kept,)
        or kriging.order not in ORDERS
    ):
        raise PredictorError("the arrays of places, values and axes do not fit one another")


def _numbers(arrays: Arrays, name: str) -> npt.NDArray[np.float64]:
    array = arrays[name]
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise PredictorError(f"the array {name!r} must hold finite numbers")
    return array.astype(np.float64)
