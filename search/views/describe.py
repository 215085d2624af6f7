"""Results of the room as JSON-able fields, for the command line."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..certification.certification import load_certification
from ..fronts.front import FrontPoint, ParetoFront
from ..objectives.latency import LATENCY
from ..ranking.anchors import read_agreement
from ..ranking.proxy import proxy_agreement
from ..running.latency import run_budget_ms, simulation_of
from ..running.result import SearchResult
from .by_budget import results_by_budget
from .optimality import optimality_of
from .rungs import rung_summary

if TYPE_CHECKING:
    from detection import TrainedDetector, TrainReport


MASK_SCORES = ("ap", "ap50", "ap75")


def describe_result(result: SearchResult, budget_ms: float | None = None) -> dict[str, Any]:
    """Return counts, front and the best architecture of a run.

    ``simulated`` says on what, where no latency was measured; every row then says so, too.
    ``fronts`` holds one front per known objective, such as the latency of a device, where there
    are several; ``fastest`` the least latency of the space on every device; ``proxy`` how the
    score without training ranks what was evaluated; ``ranking`` how the evaluator ranks what was
    trained by itself, with a warning where its order is not confirmed. ``optimality`` is what an
    exhaustive search has shown, ``by_budget`` the best of every budget of ``crnas``;
    ``summary`` what the strategy says of itself, such as what the partial order left out;
    ``certified`` which members were measured to keep the budget, ``None`` before that was tried;
    ``fidelity`` what a multi-fidelity run spent on which rung, what that saved, and how the rungs
    agree, ``None`` where every candidate was evaluated whole.
    ``scored_on`` says whether weights that were trained before have learnt from what scores.

    Args:
        result: The run.
        budget_ms: Keeps only members of the front within it; the run's own budget if left out.
    """
    budget = run_budget_ms(result) if budget_ms is None else budget_ms
    simulated = simulation_of(result)
    front = result.front if budget is None else result.front_of(LATENCY, budget)
    label: dict[str, Any] = {} if simulated is None else {"simulated": True}
    agreement = proxy_agreement(result)
    ranking = read_agreement(result)
    optimality = optimality_of(result)
    rungs = rung_summary(result)
    return {
        "run": str(result.folder),
        "space": result.config.space,
        "strategy": result.config.strategy,
        "simulated": simulated,
        "budget_ms": budget,
        "evaluated": len(result.finished),
        "evaluations": result.config.evals,
        "paused": len(result.paused),
        "complete": result.complete,
        "summary": dict(result.summary),
        "failed": [f"{e.code}: {e.error}" for e in result.failures],
        "best": _best(result, front),
        "front": [{**row, **label} for row in _rows(result, front)],
        "fastest": result.config.notes.get("fastest"),
        "fronts": _fronts(result),
        "proxy": None if agreement is None else asdict(agreement),
        "ranking": None if ranking is None else ranking.to_dict(),
        "scored_on": result.config.notes.get("scored_on"),
        "optimality": None if optimality is None else optimality.statement,
        "by_budget": [asdict(each) for each in results_by_budget(result)],
        "certified": _certified(result),
        "fidelity": None if rungs is None else rungs.to_dict(),
    }


def _certified(result: SearchResult) -> list[dict[str, Any]] | None:
    """Return the members that keep the budget on the engine, predicted and measured."""
    certification = load_certification(result.folder)
    if certification is None:
        return None
    return [
        {
            "arch": candidate.arch,
            "predicted_ms": candidate.predicted_ms,
            "measured_ms": candidate.measured_ms,
            "upper_ms": candidate.upper_ms,
        }
        for candidate in certification.certified
    ]


def _fronts(result: SearchResult) -> dict[str, Any] | None:
    """Return the front of every known objective where there are several; else ``None``."""
    known = [goal for goal in result.objectives if goal.is_known]
    if len(known) < 2:
        return None
    budgets = result.config.uppers
    fronts = {}
    for cost in known:
        front = result.front_of(cost.name)
        fronts[cost.name] = {
            "budget": budgets.get(cost.name),
            "best": _best(result, front),
            "front": _rows(result, front),
        }
    return fronts


def _rows(result: SearchResult, front: ParetoFront) -> list[dict[str, Any]]:
    """Return every member of a front by name, with its values by theirs."""
    names = [goal.name for goal in front.objectives]
    return [
        {"arch": _name(result, point), **dict(zip(names, point.values, strict=True))}
        for point in front
    ]


def _best(result: SearchResult, front: ParetoFront) -> str | None:
    return _name(result, front.best()) if len(front) else None


def _name(result: SearchResult, point: FrontPoint) -> str:
    return f"{result.config.space}:{result.evaluation(point.architecture).code}"


def describe_training(trained: TrainedDetector) -> dict[str, Any]:
    """Return where the weights are, how training went and the accuracy in points.

    The accuracy is ``None`` where the validation images hold no object. ``best_step`` is the step
    whose weights were left, where the best were wanted; ``scores`` are those on the way.
    Masks and data in PASCAL VOC's layout have scores of their own, ``mask_`` and ``voc_``.
    """
    accuracy, training = trained.accuracy, trained.training
    return {
        "weights": str(trained.weights),
        "steps": training.steps,
        "resumed_at": training.resumed_at,
        "seconds": training.seconds,
        "loss": training.history[-1].total if training.history else None,
        "best_step": None if training.best is None else training.best.step,
        "ap": _points(accuracy.ap),
        "ap50": _points(accuracy.ap50),
        "ap75": _points(accuracy.ap75),
        **_other_scores(trained),
        "images": accuracy.n_images,
        "scores": scores_of(training),
    }


def _other_scores(trained: TrainedDetector) -> dict[str, float | None]:
    """Return the accuracy of the masks, and that by PASCAL VOC's metric, where there is such."""
    masks, voc = trained.accuracy.masks, trained.voc
    found: dict[str, float | None] = {}
    if masks is not None:
        found |= {f"mask_{name}": _points(getattr(masks, name)) for name in MASK_SCORES}
    if voc is not None:
        found["voc_ap50"] = _points(voc.ap50)
        found["voc_ap50_11_points"] = _points(voc.ap50_11_points)
    return found


def scores_of(training: TrainReport) -> list[dict[str, Any]]:
    """Return the scores on the way of a training, in points, by step."""
    return [
        {"step": row.step, **{name: _points(value) for name, value in row.scores.items()}}
        for row in training.history
        if row.scores
    ]


def _points(value: float) -> float | None:
    """Return 0..1 as 0..100; ``None`` for NaN, which JSON does not have."""
    return None if math.isnan(value) else 100 * value
