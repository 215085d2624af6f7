"""Partial codes: what their genes may become."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from search import UNDECIDED, Objective, complete, is_partial
from search.conformance import COST
from search.spaces.digits import DigitSpace
from search.spaces.partial import choices_of, fastest_completion, filled
from searchspaces import Architecture, ArchitectureError, make_space

SPACE = DigitSpace(4, 3)
BOTH = make_space("crnas-resnet50")

genes = st.lists(st.sampled_from([0, 1, 2, UNDECIDED]), min_size=4, max_size=4).map(tuple)


def partial(*values: int | str) -> Architecture:
    return Architecture(SPACE.name, values)


@given(genes, st.integers(0, 2**32 - 1))
def test_completions_keep_what_is_decided(values: tuple[int | str, ...], seed: int) -> None:
    code = Architecture(SPACE.name, values)
    whole = complete(SPACE, code, np.random.default_rng(seed))
    assert SPACE.is_valid(whole)
    assert is_partial(code) == (UNDECIDED in values)
    pairs = zip(values, whole.genes, strict=True)
    assert all(gene == given or given == UNDECIDED for given, gene in pairs)


def test_completions_are_drawn_uniformly() -> None:
    rng = np.random.default_rng(0)
    drawn = [complete(SPACE, partial(1, "?", 0, "?"), rng).genes for _ in range(9000)]
    counts = dict.fromkeys(itertools.product(range(3), range(3)), 0)
    for _, second, _, fourth in drawn:
        counts[int(second), int(fourth)] += 1
    assert min(counts.values()) > 850
    assert max(counts.values()) < 1150


@given(genes)
def test_the_fastest_completion_of_a_sum_is_the_least_of_all(
    values: tuple[int | str, ...],
) -> None:
    weights = np.random.default_rng(5).normal(size=(4, 3))

    def known(arch: Architecture) -> float:
        return float(sum(weights[place, int(gene)] for place, gene in enumerate(arch.genes)))

    code = Architecture(SPACE.name, values)
    rows = [range(3) if gene == UNDECIDED else (gene,) for gene in values]
    least = min(known(replace(code, genes=whole)) for whole in itertools.product(*rows))
    found = fastest_completion(SPACE, code, Objective("sum", "min", known=known))
    assert known(found) == pytest.approx(least)


def test_where_the_value_is_no_sum_a_completion_is_returned_all_the_same() -> None:
    values: dict[tuple[int | str, ...], float] = {(0, 0): 1.0, (0, 1): 0.5, (1, 0): 0.5}

    def known(arch: Architecture) -> float:
        return values.get(arch.genes[:2], 9.0)

    odd = Objective("odd", "min", known=known)
    found = fastest_completion(SPACE, partial("?", "?", 0, 0), odd)
    assert found == partial(0, 0, 0, 0)  # (1, 1), the two best moves together, is worse


def test_both_levels_of_crnas_know_their_blocks() -> None:
    code = Architecture(BOTH.name, (1, 3, 5, 7, *(("?",) * 16)))
    assert choices_of(BOTH, code) == ((1,), (3,), (5,), (7,), *(((0, 1, 2),) * 16))
    assert filled(BOTH, code, lambda _: 2).genes[4:] == (2,) * 16


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (Architecture(BOTH.name, (9, 9, 9, 9, "?")), "begin with no eligible stage code"),
        (Architecture(BOTH.name, (1, 3, 5, 7, "?")), "it needs 20 genes"),
    ],
)
def test_codes_of_no_network_are_refused(code: Architecture, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        complete(BOTH, code, np.random.default_rng(0))


def test_whole_architectures_are_their_own_completion() -> None:
    whole = SPACE.decode("0120")
    assert not is_partial(whole)
    assert complete(SPACE, whole, np.random.default_rng(0)) is whole
    assert fastest_completion(SPACE, whole, COST) is whole


def test_spaces_that_do_not_tell_their_choices_are_refused() -> None:
    space = make_space("smnas-modular")
    with pytest.raises(ArchitectureError, match="use a space with gene_choices"):
        choices_of(space, space.sample(np.random.default_rng(0)))
