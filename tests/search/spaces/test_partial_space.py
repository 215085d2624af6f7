"""Partial codes as architectures of a space."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from search import UNDECIDED, Objective, PartialSpace
from search.conformance import COST
from search.spaces.digits import DigitSpace
from search.spaces.partial_space import partial_objective
from searchspaces import Architecture, ArchitectureError, SearchSpace, make_space

DIGITS = PartialSpace(DigitSpace(5, 3))
BOTH = PartialSpace(make_space("crnas-resnet50"))
MOBILE = PartialSpace(make_space("crnas-mobilenetv2-operations"))


def test_it_is_a_search_space() -> None:
    space: SearchSpace = DIGITS
    assert isinstance(space, SearchSpace)
    assert (space.name, space.size) == ("digits", 243)


@given(st.lists(st.sampled_from([0, 1, 2, UNDECIDED]), min_size=5, max_size=5))
def test_codes_are_read_back(values: list[int | str]) -> None:
    code = Architecture("digits", tuple(values))
    assert DIGITS.is_valid(code)
    assert DIGITS.encode(code) == "".join(map(str, values))
    assert DIGITS.decode(DIGITS.encode(code)) == code
    assert DIGITS.canonical(code) == code


@pytest.mark.parametrize("text", ["1-3-5-7/001?????????????", "1-3-5-7/0010001200102112"])
def test_codes_of_both_levels_of_crnas_are_read_back(text: str) -> None:
    code = BOTH.decode(text)
    assert BOTH.is_valid(code)
    assert BOTH.encode(code) == text


def test_layers_that_are_no_blocks_stay_decided() -> None:
    whole = MOBILE.encode(MOBILE.sample(np.random.default_rng(0)))
    blocks = len(MOBILE.decode(whole).genes)
    open_ = MOBILE.encode(Architecture(MOBILE.name, (UNDECIDED,) * blocks))
    assert len(open_) == len(whole)
    assert open_.strip("0") == UNDECIDED * len(open_.strip("0"))
    assert open_.startswith("0")
    assert open_.endswith("0")


@pytest.mark.parametrize(
    "genes", [(0, 1, "?"), (0, 1, 2, 3, "?"), ("!", 0, 0, 0, "?"), (0, 0, 0, 0, 0, "?")]
)
def test_codes_of_no_architecture_are_not_valid(genes: tuple[int | str, ...]) -> None:
    assert not DIGITS.is_valid(Architecture("digits", genes))
    assert not DIGITS.is_valid(Architecture("others", (0, 0, 0, 0, "?")))


def test_whole_architectures_are_those_of_the_space() -> None:
    rng = np.random.default_rng(3)
    a, b = DIGITS.sample(rng), DIGITS.sample(rng)
    for arch in (a, DIGITS.mutate(a, rng), DIGITS.crossover(a, b, rng)):
        assert DIGITS.whole.is_valid(arch)
        assert DIGITS.is_valid(arch)
        assert DIGITS.encode(arch) == DIGITS.whole.encode(arch)
        assert (DIGITS.features(arch) == DIGITS.whole.features(arch)).all()


def test_detectors_are_those_of_the_space() -> None:
    arch = BOTH.decode("1-3-5-7/0010001200102112")
    assert BOTH.detector(arch) == BOTH.whole.detector(arch)


class Words(DigitSpace):
    """Writes genes with as many letters as they say."""

    def encode(self, arch: Architecture) -> str:
        return "-".join("x" * int(gene) for gene in arch.genes)


def test_genes_of_different_lengths_cannot_be_marked() -> None:
    with pytest.raises(ArchitectureError, match="one character per gene"):
        PartialSpace(Words(2, 3)).encode(Architecture("digits", (1, "?")))


def test_known_values_are_those_of_the_fastest_completion() -> None:
    many = Objective(
        "cost",
        "min",
        known=COST.known,
        known_upper=lambda arch, confidence: COST.value(arch) + confidence,
        known_many=lambda archs: [COST.value(arch) for arch in archs],
    )
    goal = partial_objective(many, DIGITS.whole)
    code = Architecture("digits", (1, 2, "?", "?", "?"))
    assert goal.value(code) == 3.0
    assert goal.upper(code, 0.5) == 3.5
    assert goal.values([code, DIGITS.decode("00012")]).tolist() == [3.0, 3.0]


def test_what_is_evaluated_stays_as_it_is() -> None:
    quality = Objective("quality", "max")
    assert partial_objective(quality, DIGITS.whole) is quality
    plain = partial_objective(COST, DIGITS.whole)
    assert (plain.known_upper, plain.known_many) == (None, None)
