"""Objectives and constraints: what is refused, what is compared."""

import math
from typing import Any

import numpy as np
import pytest

from search import (
    AnyOf,
    Constraint,
    ConstraintSet,
    Objective,
    ObjectiveError,
    counted_objective,
)
from search.objectives.objective import check_objectives, objective_named
from searchspaces import Architecture, make_space

ARCH = Architecture("digits", (1, 2))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "", "direction": "min"}, "needs a name"),
        ({"name": "  ", "direction": "min"}, "needs a name"),
        ({"name": "ap", "direction": "up"}, "'min' or 'max', got 'up'"),
        ({"name": "ap", "direction": "max", "known": 3.0}, "known of 'ap' must be a function"),
        ({"name": "ap", "direction": "max", "known_upper": "x"}, "known_upper of 'ap'"),
        ({"name": "ap", "direction": "max", "known_many": 1}, "known_many of 'ap'"),
    ],
)
def test_malformed_objectives_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ObjectiveError, match=message):
        Objective(**fields)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "7", True])
def test_known_values_must_be_finite_numbers(value: Any) -> None:
    objective = Objective("ms", "min", known=lambda arch: value)
    with pytest.raises(ObjectiveError, match="finite number"):
        objective.value(ARCH)


def test_known_values_may_be_numpy_scalars() -> None:
    value = Objective("ms", "min", known=lambda arch: np.float64(1.5)).value(ARCH)
    assert value == 1.5
    assert type(value) is float


def test_unknown_objective_has_no_value() -> None:
    with pytest.raises(ObjectiveError, match="not known"):
        Objective("ap", "max").value(ARCH)
    with pytest.raises(ObjectiveError, match="no known_upper"):
        Objective("ap", "max").upper(ARCH, 0.95)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("", 1.0), "names the objective"),
        (("ms", math.nan), "finite number, got nan"),
        (("ms", math.inf), "finite number, got inf"),
        (("ms", "30"), "finite number, got '30'"),
        (("ms", 30.0, 95), r"between 0 and 1 \(0.95, not 95\), got 95"),
        (("ms", 30.0, 0.0), "between 0 and 1"),
        (("ms", 30.0, math.nan), "between 0 and 1"),
    ],
)
def test_malformed_constraints_are_refused(fields: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ObjectiveError, match=message):
        Constraint(*fields)


def test_objectives_need_different_names() -> None:
    with pytest.raises(ObjectiveError, match="at least one"):
        check_objectives([])
    with pytest.raises(ObjectiveError, match="'ap' twice"):
        check_objectives([Objective("ap", "max"), Objective("ap", "min")])


def test_wrong_name_lists_the_known_ones() -> None:
    with pytest.raises(ObjectiveError, match="'latency'; there are 'ms', 'ap'"):
        objective_named([Objective("ms", "min"), Objective("ap", "max")], "latency")


def test_constraint_compares_the_known_value() -> None:
    ms = Objective("ms", "min", "ms", known=lambda arch: float(sum(map(int, arch.genes))))
    assert ConstraintSet([Constraint("ms", 3.0)], [ms]).satisfied(ARCH)  # equality keeps it
    tight = ConstraintSet([Constraint("ms", 2.0)], [ms])
    assert not tight.satisfied(ARCH)
    assert tight.excess(ARCH) == 0.5
    assert tight.show(0) == "ms <= 2 ms"


def test_constraint_with_confidence_compares_the_upper_bound() -> None:
    ms = Objective(
        "ms", "min", "ms", known=lambda arch: 3.0, known_upper=lambda arch, p: 3.0 + 2.0 * p
    )
    bound = ConstraintSet([Constraint("ms", 4.5, confidence=0.5)], [ms])
    assert bound.values(ARCH) == (4.0,)
    assert bound.satisfied(ARCH)
    assert not ConstraintSet([Constraint("ms", 4.5, confidence=0.95)], [ms]).satisfied(ARCH)
    assert bound.show(0) == "ms <= 4.5 ms at 0.5 confidence"


def test_several_constraints_are_all_kept() -> None:
    ms = Objective("ms", "min", known=lambda arch: float(arch.genes[0]))
    mb = Objective("mb", "min", known=lambda arch: float(arch.genes[1]))
    both = ConstraintSet([Constraint("ms", 1.0), Constraint("mb", 1.0)], [ms, mb])
    assert not both.satisfied(ARCH)
    assert both.worst(ARCH) == 1
    assert both.excess(ARCH) == 1.0
    assert both.satisfied(Architecture("digits", (0, 1)))


def test_zero_bound_has_an_excess() -> None:
    ms = Objective("ms", "min", known=lambda arch: 2.0)
    assert ConstraintSet([Constraint("ms", 0.0)], [ms]).excess(ARCH) == 2.0


def test_no_constraints_are_kept_by_all() -> None:
    none = ConstraintSet([], [Objective("ap", "max")])
    assert none.satisfied(ARCH)
    assert none.excess(ARCH) == 0.0


def test_constraints_need_a_known_objective_of_the_search() -> None:
    goals = [Objective("ms", "min", known=lambda arch: 1.0), Objective("ap", "max")]
    with pytest.raises(ObjectiveError, match="needs a known objective"):
        ConstraintSet([Constraint("ap", 30.0)], goals)
    with pytest.raises(ObjectiveError, match="no objective is named 'mb'"):
        ConstraintSet([Constraint("mb", 30.0)], goals)
    with pytest.raises(ObjectiveError, match="has no known_upper"):
        ConstraintSet([Constraint("ms", 30.0, confidence=0.95)], goals)


# --- one of several


FIRST, SECOND = (
    Objective("a", "min", known=lambda arch: float(arch.genes[0])),
    Objective("b", "min", known=lambda arch: float(arch.genes[1])),
)


def two(a: int, b: int) -> Architecture:
    return Architecture("digits", (a, b))


def test_one_of_several_constraints_is_enough() -> None:
    either = ConstraintSet([AnyOf((Constraint("a", 1.0), Constraint("b", 1.0)))], [FIRST, SECOND])
    assert either.satisfied(two(1, 9))
    assert either.satisfied(two(9, 0))
    assert not either.satisfied(two(3, 2))
    assert either.excess(two(3, 2)) == 1.0
    assert either.worst(two(3, 2)) == 1
    assert either.show_all() == "(a <= 1 or b <= 1)"
    assert either.possible([two(1, 9), two(9, 0), two(3, 2)]).tolist() == [True, True, False]
    assert either.kept(0, two(1, 9))
    assert not either.kept(1, two(1, 9))


def test_one_of_several_beside_another() -> None:
    third = Objective("sum", "min", known=lambda arch: float(sum(map(int, arch.genes))))
    goals = [FIRST, SECOND, third]
    bounds = [Constraint("sum", 5.0), AnyOf((Constraint("a", 1.0), Constraint("b", 1.0)))]
    both = ConstraintSet(bounds, goals)
    assert both.satisfied(two(1, 4))
    assert not both.satisfied(two(1, 5))
    assert both.show_all() == "sum <= 5 and (a <= 1 or b <= 1)"
    assert both.groups == ((0,), (1, 2))


@pytest.mark.parametrize("members", [(), ("a",), (1, 2)])
def test_one_of_nothing_is_refused(members: Any) -> None:
    with pytest.raises(ObjectiveError, match="AnyOf needs a tuple of constraints"):
        AnyOf(members)


def test_what_may_be_possible_is_told_by_the_values_alone() -> None:
    ms = Objective("ms", "min", "ms", lambda arch: 3.0, lambda arch, p: 3.0 + 2.0 * p)
    sure = ConstraintSet([Constraint("ms", 4.5, confidence=0.95)], [ms])
    assert sure.possible([ARCH]).tolist() == [True]  # satisfied() decides
    assert not sure.satisfied(ARCH)
    assert not ConstraintSet([Constraint("ms", 2.9, 0.5)], [ms]).possible([ARCH])[0]
    assert ConstraintSet([Constraint("ms", 2.9, 0.1)], [ms]).possible([ARCH])[0]
    assert ConstraintSet([], [ms]).possible([]).tolist() == []


# --- values at once


@pytest.mark.parametrize("many", [lambda archs: [1.0], lambda archs: [1.0, math.nan], lambda a: 1])
def test_values_at_once_must_be_as_many_and_finite(many: Any) -> None:
    goal = Objective("ms", "min", known=lambda arch: 1.0, known_many=many)
    with pytest.raises(ObjectiveError, match="known_many of 'ms' must give 2 finite numbers"):
        goal.values([ARCH, ARCH])


def test_values_one_by_one_where_there_is_no_other_way() -> None:
    goal = Objective("ms", "min", known=lambda arch: float(arch.genes[1]))
    assert goal.values([two(1, 4), two(0, 2)]).tolist() == [4.0, 2.0]
    assert goal.values([]).shape == (0,)


def test_only_what_is_counted_is_counted() -> None:
    with pytest.raises(ObjectiveError, match="'flops' is not counted; known: macs, params"):
        counted_objective("flops", make_space("detnas-nano"))
    space = make_space("detnas-nano")
    arch = space.sample(np.random.default_rng(0))
    assert counted_objective("params", space).value(arch) == space.detector(arch).params()
