"""The run beside published models at equal latency: predicted by what predicted the search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latency import LatencyError, Predictor, refuse_unfamiliar
from search import saved_latency
from searchspaces import SPACES, ZOO, SearchSpaceError, ZooSpace, format_size, make_space

from .data import FrontMark

if TYPE_CHECKING:
    from latency import SimulatedPredictor
    from search import SearchResult

    from .data import Front

PUBLISHED_CLASSES = 80
"""Classes of COCO, on which the published figures are."""

ACCURACY = "COCO AP"
ZOO_NAME = "zoo"

SAMPLE = 20
"""Architectures whose input is looked at, to see whether all of a run have the same."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Place a published model beside the run.

    Attributes:
        name: Of the model in the zoo.
        size: Its input as WIDTHxHEIGHT.
        classes: Classes that it tells.
        ms: Predicted latency.
        interval: Of the prediction.
        published_ap: COCO AP that its paper prints; ``None`` where none is known for this input
            and these classes.
        source: Of that figure.
        ours: The most accurate of the run that is predicted to be no slower; ``None`` where all
            are slower.
    """

    name: str
    size: str
    classes: int
    ms: float
    interval: tuple[float, float]
    published_ap: float | None
    source: str
    ours: FrontMark | None


@dataclass(frozen=True, slots=True)
class Baselines:
    """Hold what the zoo says to a run.

    Attributes:
        rows: Models that could be predicted, fastest first.
        refused: Why others could not, and how many there are of each reason.
        accuracy_name: What the run maximised.
        evaluator: What told it.
        budget_ms: The run's budget, else the latency of what it chose; ``None`` without either.
        chosen: What the run chose.
    """

    rows: tuple[Baseline, ...]
    refused: tuple[tuple[str, int], ...]
    accuracy_name: str
    evaluator: str
    budget_ms: float | None
    chosen: FrontMark | None


def baselines_of(result: SearchResult, front: Front) -> Baselines | None:
    """Predict the zoo by a run's own predictor; ``None`` where it keeps none, or is of the zoo.

    Every model is predicted as published, and at the run's own input, classes and
    normalisation, where the zoo can be made with them. A model is left out of which the predictor
    knows too little.

    Args:
        result: The run.
        front: Its front against latency.

    Raises:
        PredictorError: The predictor that the run keeps is damaged; or ``JournalError`` of a
            simulated one.
    """
    predictor = saved_latency(result.folder)
    known = result.config.space in SPACES and result.config.space != ZOO_NAME
    if predictor is None or front.cost_unit != "ms" or not known:
        return None
    found: dict[tuple[str, str, int], Baseline] = {}  # as published comes first, and stays
    refused: dict[str, int] = {}
    for zoo in _zoos(result):
        for name in ZOO:
            try:
                row = _baseline(zoo, name, predictor, front)
                found.setdefault((name, row.size, row.classes), row)
            except (LatencyError, SearchSpaceError) as error:
                reason = _reason(error)
                refused[reason] = refused.get(reason, 0) + 1
    chosen = next((mark for mark in front.marks if mark.chosen), None)
    budget = front.budget_ms
    if budget is None and chosen is not None:
        budget = chosen.cost
    return Baselines(
        rows=tuple(sorted(found.values(), key=lambda row: row.ms)),
        refused=tuple(refused.items()),
        accuracy_name=front.accuracy_name,
        evaluator=str(result.config.context.get("evaluator", "the run's evaluator")),
        budget_ms=budget,
        chosen=chosen,
    )


def _zoos(result: SearchResult) -> Iterator[ZooSpace]:
    """Yield the zoo as published, then with input, classes and normalisation of the run."""
    yield ZooSpace()
    options = result.config.space_options
    space = make_space(result.config.space, **options)
    classes = int(options.get("num_classes", PUBLISHED_CLASSES))
    some = result.candidates[:SAMPLE]
    sizes = {space.detector(each.architecture).input_hw for each in some}
    try:  # the input may be a part of the architecture; then each model keeps its own
        yield ZooSpace(
            input_hw=sizes.pop() if len(sizes) == 1 else None,
            num_classes=classes,
            norm=getattr(space, "norm", "bn"),
        )
    except SearchSpaceError:  # no model takes so small an input
        return


def _baseline(
    zoo: ZooSpace, name: str, predictor: Predictor | SimulatedPredictor, front: Front
) -> Baseline:
    arch = zoo.decode(name)
    detector = zoo.detector(arch)
    if isinstance(predictor, Predictor):
        refuse_unfamiliar(predictor, zoo, [arch])
    latency = predictor.predict(detector)
    ap, source = _published(zoo, name)
    return Baseline(
        name=name,
        size=format_size(detector.input_hw),
        classes=zoo.num_classes,
        ms=latency.p50_ms,
        interval=(latency.lo_ms, latency.hi_ms),
        published_ap=ap,
        source=source,
        ours=most_accurate(front.marks, latency.p50_ms),
    )


def most_accurate(marks: Sequence[FrontMark], within_ms: float) -> FrontMark | None:
    """Return the most accurate of some marks that is no slower than a latency."""
    kept = [mark for mark in marks if mark.cost <= within_ms]
    return max(kept, key=lambda mark: (mark.accuracy, -mark.cost), default=None)


def _published(zoo: ZooSpace, name: str) -> tuple[float | None, str]:
    """Return the AP that holds for the zoo as it is made: that of the models' own input."""
    if zoo != ZooSpace():
        return None, ""
    figures = [figure for figure in ZOO[name].figures if figure.what == ACCURACY]
    return (figures[0].value, figures[0].source) if figures else (None, "")


def _reason(error: Exception) -> str:
    """Return why a model is left out, in words that all models with the same reason share."""
    if isinstance(error, LatencyError):
        return "the predictor was fitted on modules too unlike theirs"
    return "their space cannot be made with the run's input or classes"
