"""Choose a few members of a front, from the fastest to the slowest: SM-NAS' C0 ... C5.

SM-NAS (Yao et al., AAAI 2020) takes about six structures of the front of stage one into stage two
and does not say how. Here the range of costs on the front is divided into equal ratios, and of
every level the nearest member is taken, each once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FrontError, RunError
from ..fronts.dominance import FloatArray
from ..fronts.front import FrontPoint, ParetoFront
from ..objectives.objective import Objective
from ..running.result import SearchResult

PICKS = 6
"""SM-NAS takes C0 to C5."""

_FEWEST, _MOST = 2, 1000
_RANGE = re.compile(r"C0\.\.C([0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Pick:
    """Name a member of a front by its place among those that were picked.

    Attributes:
        name: ``C0`` for the fastest, ``C1`` for the next.
        level: The cost that it was picked for.
        point: The member.
        code: Its code, as the space writes it.
    """

    name: str
    level: float
    point: FrontPoint
    code: str


def parse_picks(text: str) -> int:
    """Read how many to pick, as the command line writes it: ``C0..C5`` or ``6``.

    Raises:
        RunError: The text is written otherwise, or they are fewer than 2 or more than 1,000.

    Example:
        >>> parse_picks("C0..C5"), parse_picks("4")
        (6, 4)
    """
    match = _RANGE.fullmatch(text)
    if match is None and not (text.isascii() and text.isdecimal()):
        raise RunError(f"picks are written C0..C5 or 6, got {text!r}")
    count = int(match[1]) + 1 if match else int(text[:5])
    if not _FEWEST <= count <= _MOST:
        raise RunError(f"{_FEWEST} to {_MOST} can be picked, as in C0..C5, got {text!r}")
    return count


def pick_levels(result: SearchResult, count: int = PICKS) -> tuple[Pick, ...]:
    """Pick members of a run's front at levels of cost in equal ratios, the fastest first.

    The cost is the run's first known objective that is minimised: the latency in a search of
    structures. The least and the largest cost are levels themselves. Together the picks are as
    near their levels as can be, in ratios; where a cost is not above 0, in differences. Of members
    with equal values the first is taken.

    Args:
        result: The run.
        count: How many; at least 2.

    Raises:
        FrontError: The front holds fewer, or nothing of the run is minimised.
        RunError: ``count`` is below 2.
    """
    if count < _FEWEST:
        raise RunError(f"at least {_FEWEST} are picked, got {count}")
    cost, front = _weighed(result)
    points = _distinct(front)
    if len(points) < count:
        raise FrontError(
            f"the front of {result.folder} holds {len(points)} with different values, so that "
            f"{count} cannot be picked; pick fewer, or search longer"
        )
    column = front.objectives.index(cost)
    costs = np.array([point.values[column] for point in points])
    levels = _levels(costs, count)
    rows = _nearest(costs, levels)
    chosen = [points[row] for row in rows]
    return tuple(
        Pick(f"C{place}", float(level), point, result.evaluation(point.architecture).code)
        for place, (level, point) in enumerate(zip(levels, chosen, strict=True))
    )


def cost_of_run(result: SearchResult) -> Objective:
    """Return the first objective that is minimised, a known one if there is one.

    Raises:
        FrontError: None is minimised.
    """
    falling = [goal for goal in result.objectives if goal.direction == "min"]
    if not falling:
        raise FrontError(f"no objective of the run in {result.folder} is a cost to pick by")
    return next((goal for goal in falling if goal.is_known), falling[0])


def describe_picks(result: SearchResult, picks: Sequence[Pick]) -> list[dict[str, Any]]:
    """Return the picks as rows: name, architecture, values."""
    names = [goal.name for goal in _weighed(result)[1].objectives]
    return [
        {
            "pick": pick.name,
            "arch": f"{result.config.space}:{pick.code}",
            **dict(zip(names, pick.point.values, strict=True)),
            "level": pick.level,
        }
        for pick in picks
    ]


def _weighed(result: SearchResult) -> tuple[Objective, ParetoFront]:
    """Return the cost of a run, and the front of that cost against what was evaluated."""
    cost = cost_of_run(result)
    return cost, result.front_of(cost.name) if cost.is_known else result.front


def _distinct(front: ParetoFront) -> list[FrontPoint]:
    first: dict[tuple[float, ...], FrontPoint] = {}
    for point in front:
        first.setdefault(point.values, point)
    return list(first.values())


def _levels(costs: FloatArray, count: int) -> FloatArray:
    least, most = float(costs.min()), float(costs.max())
    if least > 0:
        return np.geomspace(least, most, count)
    return np.linspace(least, most, count)


def _nearest(costs: FloatArray, levels: FloatArray) -> list[int]:
    """Return a different row for every level, all distances together as small as can be."""
    from scipy.optimize import linear_sum_assignment

    if costs.min() > 0:
        levels, scaled = np.log(levels), np.log(costs)
    else:
        scaled = costs
    _, rows = linear_sum_assignment(np.abs(levels[:, None] - scaled[None]))
    ordered: list[int] = sorted(rows.tolist(), key=lambda row: float(costs[row]))
    return ordered
