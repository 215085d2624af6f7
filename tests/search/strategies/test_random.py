"""Random search."""

from collections import Counter
from collections.abc import Sequence

from search import Constraint, Objective, Strategy, make_strategy
from search.conformance import GOALS, StrategyConformance
from search.spaces.digits import DigitSpace


class TestRandom(StrategyConformance):
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return make_strategy("random", space, objectives, constraints, seed)


def test_first_proposals_are_uniform() -> None:
    space = DigitSpace(2, 2)
    first = Counter(make_strategy("random", space, GOALS, seed=s).ask(1)[0] for s in range(400))
    chi_squared = sum((count - 100) ** 2 / 100 for count in first.values())
    assert len(first) == 4
    assert chi_squared < 16.3  # 0.1 % quantile of chi squared, 3 degrees of freedom
