"""Every proposal tells what it was made of."""

import pytest

from search import STRATEGIES, UNDECIDED, Constraint, StrategyError, make_strategy
from search.conformance import GOALS, cost, play, quality
from search.spaces.digits import DigitSpace
from search.strategies import draw
from searchspaces import Architecture

ALONE = {draw.SAMPLED, draw.DESIGNED, draw.LISTED, draw.REPAIRED}
MADE_BY = {
    "detnas-ea": {draw.MUTATED, draw.CROSSED},
    "ehvi": {draw.DESIGNED, draw.REFINED},
    "local": {draw.STEPPED},
    "nsga2": {draw.MUTATED, draw.CROSSED, draw.CROSSED_AND_MUTATED},
    "random": {draw.SAMPLED},
    "smnas-ea": {draw.MUTATED},
}


@pytest.mark.parametrize("name", sorted(MADE_BY))
def test_parents_were_proposed_before_their_children(name: str) -> None:
    quick = {"initial": 6, "candidates": 30} if name == "ehvi" else {}
    strategy = make_strategy(name, DigitSpace(10, 4), GOALS, seed=3, **quick)
    seen: set[Architecture] = set()
    ways = set()
    for arch in play(strategy, [10] * (4 if quick else 16)):
        drawn = strategy.draw_of(arch)
        assert drawn.architecture == arch
        assert seen.issuperset(drawn.parents)
        assert not (drawn.how in ALONE and drawn.parents)
        assert arch not in drawn.parents
        ways.add(drawn.how)
        seen.add(arch)
    assert MADE_BY[name] <= ways
    others = {draw.MUTATED, draw.STEPPED, draw.CROSSED} if quick else {draw.MUTATED}
    assert ways <= MADE_BY[name] | ALONE | others


def test_a_child_shares_every_gene_with_one_of_its_parents_unless_mutated() -> None:
    strategy = make_strategy("nsga2", DigitSpace(10, 4), GOALS, seed=1, mutation=0.0)
    crossed = 0
    for arch in play(strategy, [20] * 6):
        drawn = strategy.draw_of(arch)
        if drawn.how == draw.CROSSED:
            crossed += 1
            pairs = zip(*(parent.genes for parent in drawn.parents), strict=True)
            assert all(gene in pair for gene, pair in zip(arch.genes, pairs, strict=True))
    assert crossed > 20


def test_a_step_changes_one_gene() -> None:
    strategy = make_strategy("local", DigitSpace(10, 4), GOALS, seed=1)
    for arch in play(strategy, [10] * 6):
        drawn = strategy.draw_of(arch)
        if drawn.parents:
            (parent,) = drawn.parents
            assert sum(a != b for a, b in zip(arch.genes, parent.genes, strict=True)) == 1


def test_a_beam_extends_what_was_evaluated() -> None:
    strategy = make_strategy("crnas-greedy", DigitSpace(4, 3), GOALS)
    told: set[Architecture] = set()
    extended = 0
    for _ in range(10):
        for arch in (asked := strategy.ask(3)):
            drawn = strategy.draw_of(arch)
            assert drawn.how == draw.EXTENDED
            assert told.issuperset(drawn.parents)
            extended += len(drawn.parents)
        rows = [[cost_of(a), value_of(a)] for a in asked]
        strategy.tell(asked, rows)
        told.update(asked)
        if UNDECIDED not in asked[0].genes:
            break
    assert extended


def cost_of(arch: Architecture) -> float:
    return sum(float(gene) for gene in arch.genes if isinstance(gene, int))


def value_of(arch: Architecture) -> float:
    return cost_of(arch) + 0.01 * len(set(arch.genes))


def test_tight_budgets_tell_what_was_moved_into_them() -> None:
    goals, limit = GOALS, Constraint("cost", 6.0)
    strategy = make_strategy("random", DigitSpace(40, 4), goals, (limit,))
    ways = {strategy.draw_of(arch).how for arch in play(strategy, [20])}
    assert draw.REPAIRED in ways


def test_what_was_not_asked_for_has_no_story() -> None:
    space = DigitSpace(4, 2)
    strategy = make_strategy("random", space, GOALS)
    stranger = space.decode("0101")
    strategy.tell([stranger], [[cost(stranger), quality(stranger)]])
    with pytest.raises(StrategyError, match="was not asked for"):
        strategy.draw_of(stranger)


def test_options_of_another_strategy_are_refused_by_every_one() -> None:
    space = DigitSpace(4, 2)
    for name, strategy in STRATEGIES.items():
        if name == "crnas":  # takes its own spaces only, which is said first
            continue
        wanted = strategy.options_type.__name__
        with pytest.raises(StrategyError, match=f"{name} takes {wanted}, got 'fast'"):
            strategy(space, GOALS, options="fast")  # type: ignore[arg-type]
