import numpy as np
import pytest

from searchspaces import (
    Architecture,
    CoverageWarning,
    count_distinct_modules,
    distinct_modules,
    make_space,
)
from searchspaces.spaces import DetNasSpace

# Stem, four choices for the first and for the inner blocks of four stages, and what surrounds the
# backbone: neck, RPN head, proposals, RoIAlign, box head, detections; or neck, head, detections.
CASES = [
    (name, head, 1 + 4 * 4 * 2 + around)
    for name in ("detnas-nano", "detnas-small", "detnas-large")
    for head, around in (("fpn", 6), ("retinanet", 3))
]


class Blind:
    """A space that does not tell its choices, or tells wrong ones."""

    name = "detnas-nano"

    def __init__(self, **more):
        self.inner = DetNasSpace("detnas-nano")
        self.samples = 0
        vars(self).update(more)

    def sample(self, rng):
        self.samples += 1
        return self.inner.sample(rng)

    def canonical(self, arch):
        return self.inner.canonical(arch)

    def is_valid(self, arch):
        return self.inner.is_valid(arch)

    def detector(self, arch):
        return self.inner.detector(arch)


@pytest.mark.parametrize(("name", "head", "expected"), CASES)
def test_all_modules_are_found_by_closed_form(name, head, expected):
    space = make_space(name, head=head)
    modules, covering = distinct_modules(space)
    assert len(modules) == len(set(modules)) == expected
    assert count_distinct_modules(space) == expected
    assert [arch.genes for arch in covering] == [(i,) * len(covering[0].genes) for i in range(4)]


def test_covering_architectures_cover():
    space = make_space("detnas-nano")
    modules, covering = distinct_modules(space)
    seen = {spec for arch in covering for spec, _ in space.detector(arch).modules()}
    assert seen == set(modules)


def test_batch_and_precision_are_those_asked_for():
    modules, _ = distinct_modules(make_space("detnas-nano"), batch=4, dtype="int8")
    assert {(spec.batch, spec.dtype) for spec in modules} == {(4, "int8")}


def test_sampling_alone_finds_the_same_modules():
    expected, _ = distinct_modules(make_space("detnas-nano"))
    modules, covering = distinct_modules(Blind(), np.random.default_rng(3), patience=200)
    assert set(modules) == set(expected)
    assert len(covering) > 4


def test_nothing_is_random_without_a_generator():
    assert distinct_modules(Blind()) == distinct_modules(Blind())


def test_patience_ends_the_sampling():
    space = Blind(gene_choices=((0, 1, 2, 3),) * 10)
    distinct_modules(space, patience=7)
    assert space.samples == 7
    assert distinct_modules(space, patience=0)[1]
    assert space.samples == 7


def test_the_bound_ends_the_sampling_with_a_warning():
    space = Blind()
    with pytest.warns(CoverageWarning, match=r"detnas-nano: 3 samples found \d+ .* max_samples"):
        modules, covering = distinct_modules(space, patience=5, max_samples=3)
    assert space.samples == 3
    assert modules
    assert 1 <= len(covering) <= 3


def test_choices_that_are_invalid_together_are_passed_over():
    space = Blind(gene_choices=((0, 1, 2, 3, 4),) * 10)
    _, covering = distinct_modules(space)
    assert all(isinstance(arch, Architecture) and 4 not in arch.genes for arch in covering)


def test_choices_of_different_lengths_are_all_used():
    space = Blind(gene_choices=((0, 1, 2, 3), (0, 1)) * 5)
    _, covering = distinct_modules(space, patience=0)
    assert [arch.genes[:2] for arch in covering] == [(0, 0), (1, 1), (2, 0), (3, 1)]


@pytest.mark.parametrize("bound", ["patience", "max_samples"])
def test_negative_bounds_are_refused(bound):
    with pytest.raises(ValueError, match="at least 0, got"):
        distinct_modules(make_space("detnas-nano"), **{bound: -1})


def test_a_space_that_says_what_covers_it_is_not_sampled():
    twos = Architecture("detnas-nano", (2,) * 10)
    space = Blind(covering=lambda: iter([twos, twos]), gene_choices=((0, 1, 2, 3),) * 10)
    modules, covering = distinct_modules(space)
    assert (space.samples, covering) == (0, (twos,))
    assert modules == tuple(spec for spec, _ in space.detector(twos).modules())
    assert distinct_modules(space, patience=0, max_samples=0) == (modules, covering)
