"""Beam search against brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from search import UNDECIDED
from search.strategies.beam import Beam
from searchspaces import Architecture

DIGITS = ("a", "b", "c")


def start(places: int) -> Architecture:
    return Architecture("toy", (UNDECIDED,) * places)


def everything(_: Architecture) -> bool:
    return True


def layers(beam: Beam, score: dict[Architecture, float] | None = None) -> list[int]:
    """Walk to the end and return the layers' sizes; codes score by their text if not given."""
    sizes = [len(beam.layer)]
    while not beam.at_end:
        told = {
            code: score[code] if score else float(sum(map(ord, map(str, code.genes))))
            for code in beam.layer
        }
        beam.advance(told)
        sizes.append(len(beam.layer))
    return sizes


def test_sixteen_blocks_and_three_dilations_take_138_evaluations() -> None:
    sizes = layers(Beam(start(16), (DIGITS,) * 16, 3, everything))
    assert sizes == [3] + [9] * 15
    assert sum(sizes) == 138


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_a_beam_as_wide_as_the_space_is_exhaustive(places: int, base: int, seed: int) -> None:
    choices = (tuple(range(base)),) * places
    beam = Beam(start(places), choices, base**places, everything)
    rng = np.random.default_rng(seed)
    while not beam.at_end:
        beam.advance({code: float(rng.random()) for code in beam.layer})
    assert {code.genes for code in beam.layer} == set(itertools.product(*choices))


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_best_of_every_layer_are_extended(places: int, width: int, seed: int) -> None:
    beam = Beam(start(places), (DIGITS,) * places, width, everything)
    rng = np.random.default_rng(seed)
    while not beam.at_end:
        scores = {code: float(rng.integers(4)) for code in beam.layer}
        ranked = sorted(beam.layer, key=lambda code: -scores[code])[:width]  # ties: the earlier
        place = beam.layer[0].genes.index(UNDECIDED)
        beam.advance(scores)
        expected = [
            (*code.genes[:place], digit, *code.genes[place + 1 :])
            for code in ranked
            for digit in DIGITS
        ]
        assert [code.genes for code in beam.layer] == expected


def test_what_is_decided_stays() -> None:
    beam = Beam(Architecture("toy", (7, UNDECIDED, 9)), ((7,), DIGITS, (9,)), 3, everything)
    assert [code.genes for code in beam.layer] == [(7, digit, 9) for digit in DIGITS]
    assert beam.at_end


def test_a_whole_code_is_its_own_only_layer() -> None:
    whole = Architecture("toy", (7, 8))
    beam = Beam(whole, ((7,), (8,)), 3, everything)
    assert (beam.layer, beam.at_end) == ((whole,), True)


def test_failures_are_not_kept() -> None:
    beam = Beam(start(2), (DIGITS,) * 2, 3, everything)
    a, b, c = beam.layer
    beam.advance({a: math.nan, b: -math.inf, c: math.nan})
    assert {code.genes[0] for code in beam.layer} == {"b"}


def test_the_end_is_reached_where_all_fail_or_nothing_is_admitted() -> None:
    beam = Beam(start(2), (DIGITS,) * 2, 3, everything)
    beam.advance(dict.fromkeys(beam.layer, math.nan))
    assert (beam.layer, beam.at_end) == ((), True)
    assert Beam(start(2), (DIGITS,) * 2, 3, lambda _: False).at_end


@pytest.mark.parametrize("banned", DIGITS)
def test_only_admitted_codes_are_part_of_a_layer(banned: str) -> None:
    beam = Beam(start(3), (DIGITS,) * 3, 3, lambda code: banned not in code.genes)
    assert layers(beam) == [2, 4, 6]
