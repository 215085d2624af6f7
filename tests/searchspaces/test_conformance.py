"""The shipped conformance tests must fail for spaces that break the contract."""

import inspect

import numpy as np
import pytest

from searchspaces import Architecture, ArchitectureError, SearchSpaceError
from searchspaces.conformance import SearchSpaceConformance
from searchspaces.spaces import DetNasSpace


class Wrong(DetNasSpace):
    __hash__ = DetNasSpace.__hash__


class SamplesOutside(Wrong):
    def sample(self, rng):
        return Architecture(self.name, (7,) * 10)


class SamplesGlobally(Wrong):
    def sample(self, rng):
        return Architecture(self.name, tuple(np.random.randint(0, 4, 10).tolist()))


class MutatesNothing(Wrong):
    def mutate(self, arch, rng):
        return arch


class CrossesOver(Wrong):
    def crossover(self, a, b, rng):
        return Architecture("other", super().crossover(a, b, rng).genes)


class NeverSettles(Wrong):
    def canonical(self, arch):
        return Architecture(self.name, arch.genes[1:] + arch.genes[:1])


class LosesGenes(Wrong):
    def encode(self, arch):
        return super().encode(arch)[:-1] + "0"


class ReadsAnything(Wrong):
    def decode(self, text):
        try:
            return super().decode(text.strip())
        except ArchitectureError:
            return super().decode("0" * 10)


class AcceptsForeigners(Wrong):
    def is_valid(self, arch):
        return len(arch.genes) == 10


class FeaturesGrow(Wrong):
    def features(self, arch):
        return np.zeros(1 + sum(arch.genes))


class SizeIsFloat(Wrong):
    @property
    def size(self):
        return 4.0**10


class EnumeratesTwice(Wrong):
    def enumerate(self):
        return [Architecture(self.name, (0,) * 10)] * 2


class CoversHalf(Wrong):
    def covering(self):
        return list(super().covering())[:2]


class ForgetsAToken(Wrong):
    def node_tokens(self, arch):
        return super().node_tokens(arch)[1:]


class OneTokenForAll(Wrong):
    def node_tokens(self, arch):
        return [0] * len(super().node_tokens(arch))


BROKEN = [
    (SamplesOutside, "test_samples_are_valid"),
    (SamplesOutside, "test_samples_differ"),
    (SamplesGlobally, "test_a_seed_gives_the_same_architectures_again"),
    (MutatesNothing, "test_mutants_are_valid_and_new"),
    (CrossesOver, "test_children_are_valid"),
    (NeverSettles, "test_canonical_is_idempotent"),
    (NeverSettles, "test_equal_architectures_give_equal_detectors"),
    (LosesGenes, "test_decode_reads_what_encode_wrote"),
    (ReadsAnything, "test_decode_refuses_damaged_codes"),
    (AcceptsForeigners, "test_architectures_of_another_space_are_refused"),
    (AcceptsForeigners, "test_is_valid_answers_for_any_genes"),
    (FeaturesGrow, "test_features_are_finite_rows_of_one_length"),
    (SizeIsFloat, "test_size_is_an_exact_positive_int"),
    (EnumeratesTwice, "test_enumerate_lists_the_space_once"),
    (CoversHalf, "test_covering_architectures_hold_every_module"),
    (ForgetsAToken, "test_equal_tokens_name_equal_modules"),
    (OneTokenForAll, "test_equal_tokens_name_equal_modules"),
]


class Suite(SearchSpaceConformance):
    draws = 60
    round_trips = 60
    detectors = 3

    def __init__(self, kind):
        self.kind = kind

    def make(self):
        return self.kind("detnas-nano")


def run(kind, test):
    suite = Suite(kind)
    available = {
        "space": suite.make(),
        "rng": np.random.default_rng(1),
        "genes": (1,) * 10 if kind is AcceptsForeigners else (),
    }
    method = getattr(suite, test)
    method(**{name: available[name] for name in inspect.signature(method).parameters})


@pytest.mark.parametrize(("kind", "test"), BROKEN)
def test_a_broken_space_is_caught(kind, test):
    with pytest.raises((AssertionError, SearchSpaceError, ValueError, pytest.fail.Exception)):
        run(kind, test)


@pytest.mark.parametrize("test", [t for t in sorted({t for _, t in BROKEN}) if "enum" not in t])
def test_a_right_space_passes(test):
    run(DetNasSpace, test)


def test_the_base_class_is_not_collected_itself():
    assert not SearchSpaceConformance.__name__.startswith("Test")
    assert inspect.isabstract(SearchSpaceConformance)
