"""One front over several runs: those of SM-NAS' stage two, each on a structure of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..choosing.two_stages import ORIGIN
from ..errors import RunError
from ..fronts.dominance import minimised, nondominated
from ..objectives.latency import LATENCY
from ..objectives.objective import Objective, objective_named
from ..running.config import ObjectiveConfig
from ..running.evaluation import Evaluation
from ..running.latency import simulation_of
from ..running.result import SearchResult

COMPARED = ("device", "simulated", "evaluator", "data", "search_images")
"""What has to agree in two runs, so that their values mean the same."""


@dataclass(frozen=True, slots=True)
class JointPoint:
    """Hold an evaluated architecture of one of several runs.

    Attributes:
        run: The run.
        evaluation: The evaluation in it.
    """

    run: SearchResult
    evaluation: Evaluation

    @property
    def structure(self) -> str | None:
        """Return the structure that the run's space stands on, if it stands on one."""
        found = self.run.config.space_options.get("structure")
        return None if found is None else str(found)

    def to_dict(self) -> dict[str, Any]:
        """Return architecture, structure, values and run as plain JSON values."""
        names = [objective.name for objective in self.run.objectives]
        return {
            "arch": f"{self.run.config.space}:{self.evaluation.code}",
            "structure": self.structure,
            **dict(zip(names, self.evaluation.values, strict=True)),
            "run": str(self.run.folder),
            **({} if simulation_of(self.run) is None else {"simulated": True}),
        }


def joint_front(
    results: Sequence[SearchResult], budget_ms: float | None = None
) -> tuple[JointPoint, ...]:
    """Return what no architecture of any of the runs beats, best in the first objective first.

    Args:
        results: Runs with the same objectives, evaluated in the same way.
        budget_ms: Keeps only what is predicted to run within it.

    Raises:
        RunError: There is no run, or two of them do not compare; says where they differ.
        ObjectiveError: A budget is given, and the runs predicted no latency.
    """
    objectives = _comparable(results)
    points = [
        JointPoint(result, evaluation)
        for result in results
        for evaluation in result.candidates
        if evaluation.status == "ok"
    ]
    if budget_ms is not None:
        column = objectives.index(objective_named(objectives, LATENCY))
        points = [p for p in points if p.evaluation.values[column] <= budget_ms]
    if not points:
        return ()
    values = np.array([point.evaluation.values for point in points])
    costs = minimised(values, objectives)
    rows = np.flatnonzero(nondominated(values, objectives)).tolist()
    rows.sort(key=lambda row: tuple(costs[row]))  # stable: ties as given
    return tuple(points[row] for row in rows)


def describe_joint(
    results: Sequence[SearchResult], budget_ms: float | None = None
) -> dict[str, Any]:
    """Return the front of every structure, and the one of all together.

    Args:
        results: Runs with the same objectives, evaluated in the same way; of one structure there
            may be several.
        budget_ms: Keeps only what is predicted to run within it.

    Raises:
        RunError: The runs do not compare.
        ObjectiveError: A budget is given, and the runs predicted no latency.
    """
    front = joint_front(results, budget_ms)
    groups: dict[str, list[SearchResult]] = {}
    for result in results:
        groups.setdefault(_label(result), []).append(result)
    return {
        "runs": [str(result.folder) for result in results],
        "objectives": [objective.name for objective in results[0].objectives],
        "evaluated": sum(len(result.finished) for result in results),
        "complete": all(result.complete for result in results),
        "by_structure": [
            {
                "structure": label,
                "picks": [o["pick"] for o in map(_origin, group) if "pick" in o],
                "evaluated": sum(len(result.finished) for result in group),
                "on_joint_front": sum(any(p.run is run for run in group) for p in front),
                "front": [point.to_dict() for point in joint_front(group, budget_ms)],
            }
            for label, group in groups.items()
        ],
        "front": [point.to_dict() for point in front],
    }


def _comparable(results: Sequence[SearchResult]) -> tuple[Objective, ...]:
    """Return the objectives that all runs share."""
    if not results:
        raise RunError("a joint front needs at least one run")
    first = results[0]
    for other in results[1:]:
        mine, theirs = (tuple(map(ObjectiveConfig.of, r.objectives)) for r in (first, other))
        if mine != theirs:
            names = ["/".join(each.name for each in goals) for goals in (mine, theirs)]
            raise RunError(
                f"{other.folder} has other objectives ({names[1]}) than {first.folder} "
                f"({names[0]}), so that they have no joint front"
            )
        for field in COMPARED:
            told = [result.config.context.get(field) for result in (first, other)]
            if told[0] != told[1]:
                raise RunError(
                    f"{other.folder} differs from {first.folder} in {field} ({told[1]!r:.80} "
                    f"instead of {told[0]!r:.80}), so that their values do not compare"
                )
    return first.objectives


def _label(result: SearchResult) -> str:
    return str(result.config.space_options.get("structure") or result.config.space)


def _origin(result: SearchResult) -> dict[str, Any]:
    found: dict[str, Any] = result.config.notes.get(ORIGIN) or {}
    return found
