"""The exact minimum: brute force agrees, and what is no sum is not taken for one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from latency import make_simulated
from search import (
    Constraint,
    ConstraintSet,
    InfeasibleBudgetError,
    Objective,
    counted_objective,
    latency_objective,
    minimise,
    require_feasible,
)
from search.budgets.exact import exact_minimum
from search.budgets.minimum_by_blocks import least_blocks, least_dilations
from search.spaces.digits import DigitSpace
from searchspaces import SPACES, Architecture, CrNasSpace, SmNasModularSpace, make_space
from searchspaces.spaces.smnas.code import CodeLimits

RNG = np.random.default_rng
Values = Callable[[Sequence[Architecture]], npt.NDArray[np.float64]]


def random_sums(space: Any, seed: int, least: float = 0.1) -> Values:
    """Make a value that is a sum over modules: every module costs something random."""
    costs: dict[object, float] = {}
    rng = RNG(seed)

    def cost(token: object) -> float:
        if token not in costs:
            costs[token] = float(rng.uniform(least, 1.0))
        return costs[token]

    def values(archs: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        return np.array([sum(map(cost, space.node_tokens(arch))) for arch in archs])

    return values


@given(st.integers(0, 2**32 - 1), st.integers(8, 40), st.integers(2, 4))
def test_genes_are_minimised_one_by_one(seed: int, positions: int, base: int) -> None:
    costs = RNG(seed).normal(size=(positions, base))
    space = DigitSpace(positions, base)

    def values(archs: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        rows = np.array([arch.genes for arch in archs], np.int64)
        return costs[np.arange(positions), rows].sum(axis=1)

    found = exact_minimum(space, values, RNG(seed), most=700)
    assert found is not None
    assert found.exact
    assert found.value == pytest.approx(costs.min(axis=1).sum(), abs=1e-9)


def test_a_value_that_is_no_sum_is_not_minimised_so() -> None:
    def values(archs: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        genes = np.array([arch.genes for arch in archs], np.float64)
        return genes.sum(axis=1) + genes[:, 0] * genes[:, 1]

    assert exact_minimum(DigitSpace(30, 3), values, RNG(0)) is None


def test_small_spaces_are_computed_whole() -> None:
    space = DigitSpace(5, 3)
    order = dict(zip(space.enumerate(), RNG(1).permutation(space.size).tolist(), strict=True))
    found = exact_minimum(space, lambda archs: np.array([order[a] for a in archs]), RNG(0))
    assert found is not None
    assert (found.value, order[found.architecture]) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_dilations_as_brute_force_has_them(seed: int) -> None:
    space = CrNasSpace("resnet18", blocks=6)
    values = random_sums(space, seed)
    every = [
        Architecture(space.name, (*code, *digits))
        for code in space.stage_codes.all
        for digits in np.ndindex(*(3,) * 6)
    ]
    found = least_dilations(space, values, RNG(seed), 20_000)
    assert len(every) == space.size
    assert found is not None
    assert found.value == pytest.approx(float(values(every).min()), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_blocks_as_brute_force_has_them(seed: int) -> None:
    limits = CodeLimits(bases=(48, 64), min_blocks=5, max_blocks=7)
    space = SmNasModularSpace(block="basicblock", limits=limits)
    values = random_sums(space, seed)
    every = [space._at(index) for index in range(space.size)]
    found = least_blocks(space, values, RNG(seed), 20_000)
    assert found is not None
    assert found.value == pytest.approx(float(values(every).min()), rel=1e-12)


def test_blocks_that_cost_less_than_nothing_are_not_minimised_so() -> None:
    space = SmNasModularSpace()
    assert least_blocks(space, random_sums(space, 0, least=-1.0), RNG(0), 20_000) is None


@pytest.mark.parametrize("space", [CrNasSpace("resnet50"), SmNasModularSpace()])
def test_no_sum_over_modules_is_minimised_by_blocks(space: Any) -> None:
    def values(archs: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        return np.array([float(len(set(map(str, arch.genes)))) for arch in archs])

    assert exact_minimum(space, values, RNG(0)) is None


def test_the_least_macs_of_a_space_are_those_of_its_cheapest_blocks() -> None:
    space = make_space("detnas-small")
    found = minimise(space, counted_objective("macs", space), RNG(0))
    genes = found.architecture.genes
    assert found.exact
    assert found.value == space.detector(found.architecture).macs()["total"]
    for place in range(20):
        others = (
            Architecture(space.name, (*genes[:place], op, *genes[place + 1 :])) for op in range(4)
        )
        assert min(space.detector(arch).macs()["total"] for arch in others) == found.value


@pytest.mark.parametrize("name", sorted(SPACES))
def test_an_impossible_budget_is_answered_exactly_in_every_space(name: str) -> None:
    space = make_space(name)
    goal = latency_objective(make_simulated("V100"), space)
    bounds = ConstraintSet((Constraint(goal.name, 1e-3),), (goal, Objective("ap", "max")))
    with pytest.raises(InfeasibleBudgetError, match="the fastest is") as caught:
        require_feasible(space, bounds, RNG(0))
    assert caught.value.exact
    assert caught.value.fastest == goal.value(caught.value.architecture)
    assert goal.values([caught.value.architecture])[0] == pytest.approx(caught.value.fastest)
    others = goal.values([space.sample(RNG(seed)) for seed in range(200)])
    assert others.min() >= caught.value.fastest - 1e-9


def test_known_values_at_once_are_those_one_by_one() -> None:
    space = make_space("smnas-modular")
    archs = [space.sample(RNG(seed)) for seed in range(20)]
    for goal in (
        latency_objective(make_simulated("V100", "fp16"), space),
        counted_objective("macs", space),
        counted_objective("params", space),
    ):
        assert goal.values(archs) == pytest.approx([goal.value(arch) for arch in archs])
