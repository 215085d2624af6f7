"""The score without training may be a feature, and nothing else."""

import numpy as np
import pytest

from search import Objective, StrategyError, counted_objective, entropy_score, make_strategy
from search.conformance import GOALS
from search.spaces.digits import DigitSpace
from search.strategies.scored_features import scored_features
from searchspaces import Architecture, make_space

SPACE = make_space("detnas-nano", head="retinanet", input_hw=(64, 64), num_classes=1)
GOALS_HERE = (counted_objective("macs", SPACE), Objective("ap", "max", "AP"))


def value(arch: Architecture) -> float:
    return float(sum(place * int(gene) for place, gene in enumerate(arch.genes)))


def test_the_score_stands_after_the_spaces_own_features() -> None:
    arch = SPACE.decode("21-20-2112-33")
    found = scored_features(SPACE)(arch)
    assert found[:-1].tolist() == SPACE.features(arch).tolist()
    assert found[-1] == entropy_score(SPACE.detector(arch).nodes())


def test_a_search_with_it_proposes_otherwise_and_learns_the_same_values() -> None:
    proposals = []
    for training_free in (False, True):
        strategy = make_strategy(
            "ehvi", SPACE, GOALS_HERE, initial=5, candidates=20, training_free=training_free
        )
        for _ in range(12):
            (arch,) = strategy.ask(1)
            strategy.tell([arch], [[GOALS_HERE[0].value(arch), value(arch)]])
        proposals.append([arch for arch, _ in strategy.told])
        told = np.array([row[1] for _, row in strategy.told])
        assert told.tolist() == [value(arch) for arch, _ in strategy.told]
    assert proposals[0] != proposals[1]


def test_a_space_without_detectors_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"training_free needs detectors .* names no detector"):
        make_strategy("ehvi", DigitSpace(), GOALS, training_free=True)
    with pytest.raises(StrategyError, match="training_free must be True or False, got 1"):
        make_strategy("ehvi", DigitSpace(), GOALS, training_free=1)
