"""Can the budget be met at all? Answered before the search, by the fastest architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InfeasibleBudgetError
from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Objective
from .descent import MAX_CALLS, START_SAMPLES, Known, descend, fastest
from .exact import exact_minimum
from .minimum import LISTED, Minimum

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


def minimise(
    space: SearchSpace,
    objective: Objective,
    rng: np.random.Generator,
    max_calls: int = MAX_CALLS,
) -> Minimum:
    """Minimise a known objective over a space: exactly where that is possible, in under a second.

    Args:
        space: Any search space.
        objective: A known objective; one that computes many values at once lets more spaces be
            minimised exactly.
        rng: Source of randomness.
        max_calls: Most calls of an objective that computes its values one by one, and of the
            search that replaces what cannot be exact.

    Raises:
        ObjectiveError: The objective is not known, or a value is not finite.

    Example:
        >>> from search import counted_objective
        >>> from searchspaces import make_space
        >>> space = make_space("detnas-small")
        >>> found = minimise(space, counted_objective("macs", space), np.random.default_rng(0))
        >>> space.encode(found.architecture), found.exact
        ('3000-3000-30000000-3000', True)
    """
    at_once = LISTED if objective.known_many is not None else max_calls
    exact = exact_minimum(space, objective.values, rng, at_once)
    if exact is not None:
        return replace(exact, value=objective.value(exact.architecture))
    return Minimum(*fastest(space, objective.value, rng, max_calls), exact=False)


def require_feasible(
    space: SearchSpace,
    constraints: ConstraintSet,
    rng: np.random.Generator,
    max_calls: int = MAX_CALLS,
) -> Architecture | None:
    """Find an architecture that keeps every constraint, before anything is evaluated.

    A few samples are tried; then every constraint is minimised on its own, then all together.

    Args:
        space: Any search space.
        constraints: The constraints of the search.
        rng: Source of randomness.
        max_calls: Most calls of the known functions per constraint.

    Returns:
        A witness, in canonical form; ``None`` where there is no constraint.

    Raises:
        InfeasibleBudgetError: None was found. The message names the fastest one, and says so
            where that is proven to be the fastest.
    """
    if not len(constraints):
        return None
    samples = [space.sample(rng) for _ in range(START_SAMPLES)]
    witness = next((each for each in samples if constraints.satisfied(each)), None)
    if witness is None:
        witness = _group_by_group(space, constraints, rng, max_calls)
    if witness is None:
        witness, excess = fastest(space, constraints.excess, rng, max_calls, 0.0)
        if excess > 0.0:
            found = Minimum(witness, excess, exact=False)
            raise infeasible_budget(space, constraints, constraints.worst(witness), found)
    return space.canonical(witness)


def _group_by_group(
    space: SearchSpace, constraints: ConstraintSet, rng: np.random.Generator, max_calls: int
) -> Architecture | None:
    """Minimise each constraint by itself; return what keeps all, or refuse what none keeps."""
    for group in constraints.groups:
        found = [_lowest(space, constraints, index, rng, max_calls) for index in group]
        for lowest in found:
            if constraints.satisfied(lowest.architecture):
                return lowest.architecture
        kept = [constraints.kept(i, m.architecture) for i, m in zip(group, found, strict=True)]
        if not any(kept):
            shares = [constraints.share(i, m.value) for i, m in zip(group, found, strict=True)]
            nearest = int(np.argmin(shares))
            raise infeasible_budget(space, constraints, group[nearest], found[nearest])
    return None


def _lowest(
    space: SearchSpace,
    constraints: ConstraintSet,
    index: int,
    rng: np.random.Generator,
    max_calls: int,
) -> Minimum:
    """Minimise what one constraint compares, starting where its objective is least."""
    constraint, compared = constraints.constraints[index], _value_of(constraints, index)
    found = minimise(space, constraints.named(index), rng, max_calls)
    if constraint.confidence is None:
        return found
    at = found.architecture
    return Minimum(*descend(space, at, compared, rng, max_calls, constraint.upper), exact=False)


def _value_of(constraints: ConstraintSet, index: int) -> Known:
    return lambda architecture: constraints.value(index, architecture)


def infeasible_budget(
    space: SearchSpace, constraints: ConstraintSet, index: int, found: Minimum
) -> InfeasibleBudgetError:
    """Return the error that names the fastest architecture found.

    Args:
        space: What was searched.
        constraints: Of the search.
        index: Of the constraint that nothing keeps.
        found: The fastest, and whether that is proven.
    """
    witness, constraint = found.architecture, constraints.constraints[index]
    value, code = constraints.value(index, witness), space.encode(witness)
    together = " together" if len(constraints.groups) > 1 else ""
    searched = "" if found.exact else " found"
    best = "fastest" if constraints.named(index).unit == "ms" else "least"
    return InfeasibleBudgetError(
        f"nothing{searched} in {space.name} keeps {constraints.show_all()}{together}; the {best}"
        f"{searched} is {code} with {constraint.objective} "
        f"{constraints.show_value(index, value)}; raise the budget",
        objective=constraint.objective,
        budget=constraint.upper,
        fastest=value,
        architecture=witness,
        code=code,
        exact=found.exact,
    )
