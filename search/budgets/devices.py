"""Several devices in one search: a latency, a budget and a front for each."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latency import Predictor, choose_space, is_simulated

from ..errors import RunError
from ..objectives.counted import COUNTED, counted_objective
from ..objectives.latency import (
    LATENCY,
    AnyPredictor,
    latency_name,
    latency_objective,
    load_latency,
)
from ..objectives.objective import AnyOf, Bound, Constraint, Objective
from .feasibility import minimise

if TYPE_CHECKING:
    from searchspaces import SearchSpace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Name a further device that detectors are searched for.

    Attributes:
        name: A label of yours; its latency is the objective ``latency_ms@NAME``.
        predictor: Predicts its latencies.
        budget_ms: The latency to keep there; ``None`` searches the whole range.

    Raises:
        RunError: The name is no label that can stand in a file name.
    """

    name: str
    predictor: AnyPredictor
    budget_ms: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise RunError(
                f"a device is named by letters, digits, '.', '_' and '-', got {self.name!r}"
            )

    @property
    def objective(self) -> str:
        """Return the name of the objective that is its latency."""
        return latency_name(self.name)


def check_devices(
    devices: Sequence[Device], space: SearchSpace, options: Mapping[str, Any]
) -> None:
    """Check that the predictors of further devices know the space's modules.

    Raises:
        RunError: Two devices have one name.
        LatencyError: A predictor knows too little of the space.
    """
    names = [device.name for device in devices]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise RunError(f"two devices are named {twice[0]!r}; give each a name of its own")
    for device in devices:
        if isinstance(device.predictor, Predictor):
            choose_space(device.predictor, space.name, options)


def known_objectives(
    predictor: AnyPredictor | None,
    devices: Sequence[Device],
    counted: Mapping[str, float | None],
    space: SearchSpace,
) -> tuple[Objective, ...]:
    """Return the latency of every device, then what is counted.

    Args:
        predictor: Of the first device; ``None`` searches for no latency.
        devices: Further devices.
        counted: What is counted, and the most of it.
        space: Names the detectors.

    Raises:
        ObjectiveError: Something is not counted.
    """
    return (
        *(() if predictor is None else (latency_objective(predictor, space),)),
        *(latency_objective(device.predictor, space, device.name) for device in devices),
        *(counted_objective(name, space) for name in counted),
    )


def known_bounds(
    budget_ms: float | None,
    devices: Sequence[Device],
    counted: Mapping[str, float | None],
    confidence: float | None,
    *,
    on_every: bool,
) -> tuple[Bound, ...]:
    """Return what every proposal keeps.

    Args:
        budget_ms: Of the first device.
        devices: Further devices.
        counted: Bounds of what is counted.
        confidence: Of the latencies.
        on_every: Whether a detector keeps the budgets of all devices. Otherwise one is enough:
            each device has a front of its own, and one without a budget takes every detector.
    """
    budgets = {LATENCY: budget_ms, **{each.objective: each.budget_ms for each in devices}}
    bounds = [Constraint(k, ms, confidence) for k, ms in budgets.items() if ms is not None]
    counts = [Constraint(name, upper) for name, upper in counted.items() if upper is not None]
    if on_every or len(budgets) == 1:
        return (*bounds, *counts)
    any_of = (AnyOf(tuple(bounds)),) if len(bounds) == len(budgets) else ()
    return (*any_of, *counts)


def fastest_known(
    objectives: Sequence[Objective], space: SearchSpace, seed: int
) -> dict[str, dict[str, Any]]:
    """Return the architecture with the least latency on every device, for the record."""
    found = {}
    for goal in objectives:
        if goal.known is not None and goal.unit == "ms":
            least = minimise(space, goal, np.random.default_rng(seed))
            code = f"{space.name}:{space.encode(space.canonical(least.architecture))}"
            found[goal.name] = {"arch": code, "ms": least.value, "exact": least.exact}
    return found


def parse_device(text: str, precision: str | None = None) -> Device:
    """Read a further device as the command line writes it: ``NAME=PREDICTOR[@MS]``.

    Args:
        text: A label; a predictor's file, or ``simulated:DEVICE[:ENGINE]``; a budget.
        precision: Of a simulated device.

    Raises:
        RunError: The text is written otherwise, or the budget is no number above 0.
        PredictorError: There is no such predictor.

    Example:
        >>> parse_device("v100=simulated:V100@30").objective
        'latency_ms@v100'
    """
    name, equals, rest = text.partition("=")
    path, at, budget = rest.rpartition("@") if "@" in rest else (rest, "", "")
    if not equals or not path:
        raise RunError(f"a further device is written NAME=PREDICTOR[@MS], got {text!r}")
    predictor = load_latency(path, precision if is_simulated(path) else None)
    return Device(name=name, predictor=predictor, budget_ms=_number(budget, text) if at else None)


def parse_counted(text: str) -> tuple[str, float | None]:
    """Read what is counted, and the most of it, as the command line writes it: ``macs[=MOST]``.

    Raises:
        RunError: Nothing of that name is counted, or the limit is no number above 0.

    Example:
        >>> parse_counted("macs=3e8"), parse_counted("params")
        (('macs', 300000000.0), ('params', None))
    """
    name, equals, most = text.partition("=")
    if name not in COUNTED:
        raise RunError(f"{text!r}: {name!r} is not counted; known: {', '.join(COUNTED)}")
    return name, _number(most, text) if equals else None


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 < number < math.inf:
        raise RunError(f"{whole!r}: {text!r} is no number above 0")
    return number
