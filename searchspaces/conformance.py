"""What every search space must do, as tests; for spaces inside and outside the project.

Derive a class whose name begins with ``Test`` and say how the space is made::

    from searchspaces.conformance import SearchSpaceConformance

    class TestMySpace(SearchSpaceConformance):
        def make(self):
            return MySpace()

Needs pytest; ``pytest.register_assert_rewrite("searchspaces.conformance")`` in ``conftest.py``,
before the import, makes failures show the values compared.
"""

# ruff: noqa: D102 - a test's name is its docstring

from __future__ import annotations

import math
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from itertools import permutations
from typing import ClassVar

import numpy as np
import pytest

from .arch_text import format_arch
from .architecture import Architecture
from .detector import IMAGE, OUTPUTS
from .errors import ArchitectureError
from .graph import PARTS, Node
from .modules import ModuleSpec
from .space import SearchSpace

_FOREIGN = "no-such-space"


class SearchSpaceConformance(ABC):
    """Hold a space to the contract of :class:`searchspaces.SearchSpace`.

    Attributes:
        draws: Random architectures of each property.
        round_trips: Random architectures that are encoded and decoded.
        detectors: Random architectures whose detector is wired; 0 for a space without detectors.
    """

    draws: ClassVar[int] = 500
    round_trips: ClassVar[int] = 10_000
    detectors: ClassVar[int] = 5

    @abstractmethod
    def make(self) -> SearchSpace:
        """Return the space under test; called before every test."""

    @pytest.fixture
    def space(self) -> SearchSpace:
        """Return the space under test."""
        return self.make()

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        """Return a generator with a fixed seed."""
        return np.random.default_rng(20_240_229)

    def test_has_the_members_of_the_protocol(self, space: SearchSpace) -> None:
        assert isinstance(space, SearchSpace)

    def test_name_can_stand_before_a_colon(self, space: SearchSpace) -> None:
        assert space.name
        assert not set(space.name) & set(": \t\n")

    def test_size_is_an_exact_positive_int(self, space: SearchSpace) -> None:
        assert type(space.size) is int
        assert space.size >= 1

    def test_samples_are_valid(self, space: SearchSpace, rng: np.random.Generator) -> None:
        for arch in _samples(space, rng, self.draws):
            _check_member(space, arch)

    def test_samples_differ(self, space: SearchSpace, rng: np.random.Generator) -> None:
        if space.size > 1:
            assert len(set(_samples(space, rng, self.draws))) > 1

    def test_a_seed_gives_the_same_architectures_again(self, space: SearchSpace) -> None:
        def draw() -> list[Architecture]:
            rng = np.random.default_rng(7)
            a, b = space.sample(rng), space.sample(rng)
            return [a, b, space.mutate(a, rng), space.crossover(a, b, rng)]

        first = draw()
        np.random.random()  # the global generator, which must not matter, moves on
        assert draw() == first

    def test_mutants_are_valid_and_new(self, space: SearchSpace, rng: np.random.Generator) -> None:
        for arch in _samples(space, rng, self.draws):
            mutant = space.mutate(arch, rng)
            _check_member(space, mutant)
            if space.size > 1:
                assert space.canonical(mutant) != space.canonical(arch)

    def test_children_are_valid(self, space: SearchSpace, rng: np.random.Generator) -> None:
        for arch in _samples(space, rng, self.draws):
            _check_member(space, space.crossover(arch, space.sample(rng), rng))
            _check_member(space, space.crossover(arch, arch, rng))

    def test_canonical_is_idempotent(self, space: SearchSpace, rng: np.random.Generator) -> None:
        for arch in _samples(space, rng, self.draws):
            canonical = space.canonical(arch)
            _check_member(space, canonical)
            assert space.canonical(canonical) == canonical

    def test_decode_reads_what_encode_wrote(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        for arch in _samples(space, rng, self.round_trips):
            assert space.decode(space.encode(arch)) == arch

    def test_codes_fit_on_a_command_line(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        for arch in _samples(space, rng, self.draws):
            text = format_arch(space, arch)
            assert text.isprintable()
            assert " " not in text

    @pytest.mark.parametrize(
        "text", ["", " ", "?", "-", "no code at all", "\N{SNOWMAN}", "9" * 99]
    )
    def test_decode_refuses_what_is_no_code(self, space: SearchSpace, text: str) -> None:
        with pytest.raises(ArchitectureError):
            space.decode(text)

    def test_decode_refuses_damaged_codes(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        code = space.encode(space.sample(rng))
        for damaged in (f"{code}?", f"?{code}", f"{code}\n", f" {code}", f"{code} "):
            with pytest.raises(ArchitectureError):
                space.decode(damaged)

    @pytest.mark.parametrize("genes", [(), ("no gene",), (-1,), (10**9,) * 3])
    def test_is_valid_answers_for_any_genes(
        self, space: SearchSpace, genes: tuple[int | str, ...]
    ) -> None:
        assert not space.is_valid(Architecture(space.name, genes))

    def test_architectures_of_another_space_are_refused(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        own = space.sample(rng)
        foreign = Architecture(_FOREIGN, own.genes)
        assert not space.is_valid(foreign)
        calls: list[Callable[[], object]] = [
            lambda: space.encode(foreign),
            lambda: space.canonical(foreign),
            lambda: space.features(foreign),
            lambda: space.mutate(foreign, rng),
            lambda: space.crossover(foreign, own, rng),
            lambda: space.crossover(own, foreign, rng),
        ]
        if self.detectors:
            calls.append(lambda: space.detector(foreign))
        for call in calls:
            with pytest.raises(ArchitectureError):
                call()

    def test_features_are_finite_rows_of_one_length(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        samples = _samples(space, rng, self.draws)
        rows = np.stack([space.features(arch) for arch in samples])
        assert rows.dtype == np.float64
        assert rows.ndim == 2
        assert np.isfinite(rows).all()
        assert np.array_equal(rows[0], space.features(samples[0]))

    def test_gene_choices_hold_every_gene(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        choices = getattr(space, "gene_choices", None)
        if choices is None:
            pytest.skip(f"{space.name} does not offer gene_choices")
        assert math.prod(map(len, choices)) >= space.size
        for arch in _samples(space, rng, self.draws):
            genes = zip(arch.genes, choices, strict=True)
            assert all(gene in allowed for gene, allowed in genes)

    def test_enumerate_lists_the_space_once(self, space: SearchSpace) -> None:
        enumerate_space = getattr(space, "enumerate", None)
        if enumerate_space is None:
            pytest.skip(f"{space.name} does not offer enumerate()")
        every = list(enumerate_space())
        assert len(every) == len(set(every)) == space.size
        assert all(map(space.is_valid, every))

    def test_what_precedes_is_nowhere_larger(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        precedes = getattr(space, "precedes", None)
        if precedes is None:
            pytest.skip(f"{space.name} does not offer precedes()")
        archs = [space.sample(rng)]
        archs += [space.mutate(archs[0], rng) for _ in range(self.detectors)]
        for a in archs:
            assert precedes(a, space.canonical(a))
            assert precedes(space.canonical(a), a)
        for a, b in permutations(archs, 2):
            if precedes(a, b):
                assert space.detector(a).macs()["total"] <= space.detector(b).macs()["total"]
                assert not precedes(b, a) or space.canonical(a) == space.canonical(b)

    def test_survives_the_way_to_a_worker(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        arch = space.sample(rng)
        sent, sent_arch = pickle.loads(pickle.dumps((space, arch)))
        assert sent_arch == arch
        assert sent.encode(sent_arch) == space.encode(arch)

    def test_detectors_are_wired_and_counted(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        for arch in _samples(space, rng, self.detectors):
            detector = space.detector(arch)
            graph = detector.graph()
            assert [name for name, _ in graph.inputs] == [IMAGE]
            assert detector.output_names[: len(OUTPUTS)] == OUTPUTS
            assert len(graph.outputs) == len(detector.output_names)
            assert dict(detector.modules()) == graph.counts()
            macs = detector.macs()
            assert list(macs) == [*PARTS, "total"]
            assert macs["total"] == sum(macs[part] for part in PARTS) > 0
            assert detector.macs(batch=2) == {part: 2 * count for part, count in macs.items()}
            assert detector.params() > 0

    def test_covering_architectures_hold_every_module(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        covering = getattr(space, "covering", None)
        if covering is None or not self.detectors:
            pytest.skip(f"{space.name} does not offer covering()")
        held = {_place(node) for arch in covering() for node in space.detector(arch).graph().nodes}
        for arch in _samples(space, rng, self.detectors):
            assert held.issuperset(map(_place, space.detector(arch).graph().nodes))

    def test_equal_tokens_name_equal_modules(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        node_tokens = getattr(space, "node_tokens", None)
        if node_tokens is None or not self.detectors:
            pytest.skip(f"{space.name} does not offer node_tokens()")
        known: dict[Hashable, tuple[str, ModuleSpec]] = {}
        for arch in _samples(space, rng, self.detectors):
            for token, node in zip(
                node_tokens(arch), space.detector(arch).graph().nodes, strict=True
            ):
                assert known.setdefault(token, (node.part, node.spec)) == (node.part, node.spec)

    def test_modules_are_named_by_their_keys(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        for arch in _samples(space, rng, self.detectors):
            for spec, count in space.detector(arch).modules():
                assert count >= 1
                assert ModuleSpec.parse(spec.key) == spec

    def test_equal_architectures_give_equal_detectors(
        self, space: SearchSpace, rng: np.random.Generator
    ) -> None:
        for arch in _samples(space, rng, self.detectors):
            expected = space.detector(arch)
            assert space.detector(space.canonical(arch)).modules() == expected.modules()
            assert self.make().detector(arch).graph().key == expected.graph().key


def _samples(space: SearchSpace, rng: np.random.Generator, count: int) -> list[Architecture]:
    return [space.sample(rng) for _ in range(count)]


def _place(node: Node) -> tuple[str, ModuleSpec]:
    return node.name, node.spec


def _check_member(space: SearchSpace, arch: Architecture) -> None:
    assert isinstance(arch, Architecture)
    assert arch.space == space.name
    assert space.is_valid(arch)
