"""Means over completions."""

import itertools

import pytest

from search import UNDECIDED, Budget, CallableEvaluator, CompletingEvaluator, EvaluatorError
from search.conformance import quality
from search.evaluators.completing import completions_of
from search.spaces.digits import DigitSpace
from searchspaces import Architecture

SPACE = DigitSpace(6, 3)


class Recorder:
    """Remembers what it evaluated."""

    def __init__(self) -> None:
        self.seen: list[tuple[Architecture, Budget | None]] = []

    def evaluate(self, architecture: Architecture, budget: Budget | None) -> dict[str, float]:
        self.seen.append((architecture, budget))
        return {"quality": quality(architecture), "other": 1.0}


def code(*genes: int | str) -> Architecture:
    return Architecture(SPACE.name, (*genes, *((UNDECIDED,) * (6 - len(genes)))))


def test_the_mean_of_completions_is_told() -> None:
    recorder, budget = Recorder(), Budget(images=5)
    value = CompletingEvaluator(recorder, SPACE, 16).evaluate(code(2, 1), budget)
    drawn = [architecture for architecture, _ in recorder.seen]
    assert value == {"quality": sum(map(quality, drawn)) / 16, "other": 1.0}
    assert all(SPACE.is_valid(arch) and arch.genes[:2] == (2, 1) for arch in drawn)
    assert {given for _, given in recorder.seen} == {budget}
    assert len(set(drawn)) > 8


def test_many_completions_come_near_the_expectation() -> None:
    evaluator = CompletingEvaluator(CallableEvaluator(quality, "quality"), SPACE, 4000)
    expected = 2 * 1 + 1.0 * sum(range(2, 7))
    assert evaluator.evaluate(code(2))["quality"] == pytest.approx(expected, abs=0.2)


def test_a_whole_architecture_is_evaluated_once() -> None:
    recorder = Recorder()
    whole = SPACE.decode("012012")
    assert CompletingEvaluator(recorder, SPACE).evaluate(whole)["quality"] == quality(whole)
    assert recorder.seen == [(whole, None)]


def test_scores_depend_on_code_and_seed_alone() -> None:
    def make(seed: int) -> CompletingEvaluator:
        return CompletingEvaluator(CallableEvaluator(quality, "quality"), SPACE, seed=seed)

    one, other = make(0), make(0)
    forth = [one.evaluate(each) for each in (code(0), code(1), code(0))]
    back = [other.evaluate(each) for each in (code(1), code(0))]
    assert forth[0] == forth[2] == back[1]
    assert forth[1] == back[0]
    assert make(1).evaluate(code(0)) != forth[0]


def test_codes_of_a_layer_are_compared_on_the_same_completions() -> None:
    drawn = [
        [arch.genes[2:] for arch in itertools.islice(completions_of(SPACE, each, 7), 20)]
        for each in (code(0, 1), code(2, 2))
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 10


def test_no_completions_are_refused() -> None:
    with pytest.raises(EvaluatorError, match="completions must be at least 1, got 0"):
        CompletingEvaluator(Recorder(), SPACE, 0)
