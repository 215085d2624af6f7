"""Counting many architectures at once equals counting each."""

import time

import numpy as np
import pytest

from searchspaces import (
    PARTS,
    SPACES,
    Architecture,
    ArchitectureError,
    CostCounter,
    SearchSpaceError,
    make_space,
)

LARGE = ("detnas-large", "crnas-resnet101", "smnas-modular", "smnas-structural")


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("batch", [1, 2])
def test_counts_equal_the_detectors_own(name, batch):
    space = make_space(name)
    rng = np.random.default_rng(7)
    archs = [space.sample(rng) for _ in range(12)]
    counts = CostCounter(space, batch).count(archs)
    for row, arch in enumerate(archs):
        detector = space.detector(arch)
        plain, all_ = detector.macs(batch), detector.macs(batch, elementwise=True)
        assert dict(zip(PARTS, counts.macs[row].tolist(), strict=True)) == {
            part: plain[part] for part in PARTS
        }
        assert counts.total()[row] == plain["total"]
        assert counts.total(elementwise=True)[row] == all_["total"]
        assert counts.params[row] == detector.params()


def test_no_architectures_give_no_rows():
    counts = CostCounter(make_space("detnas-nano")).count([])
    assert counts.macs.shape == (0, len(PARTS))
    assert counts.total().shape == (0,)


def test_more_than_a_chunk_in_order():
    space = make_space("detnas-nano", head="retinanet")
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(5000)]
    counter = CostCounter(space)
    whole = counter.count(iter(archs))
    assert len(whole.params) == 5000
    parts = [counter.count([arch]).total()[0] for arch in archs[::500]]
    assert whole.total()[::500].tolist() == parts


def test_a_foreign_architecture_is_refused():
    counter = CostCounter(make_space("detnas-nano"))
    with pytest.raises(ArchitectureError, match="detnas-nano"):
        counter.count([Architecture("elsewhere", (0,) * 10)])


class Unnamed:
    """A space that names no modules, as one from outside may be."""

    def __init__(self):
        self._space = make_space("detnas-nano")
        self.sample = self._space.sample
        self.detector = self._space.detector
        self.encode = self._space.encode
        self.name = "unnamed"


def test_a_space_without_tokens_is_counted_too():
    space = Unnamed()
    arch = space.sample(np.random.default_rng(1))
    assert CostCounter(space).count([arch]).total()[0] == space.detector(arch).macs()["total"]


def test_a_space_that_names_too_few_modules_is_told():
    space = Unnamed()
    space.node_tokens = lambda arch: ("stem",)
    with pytest.raises(SearchSpaceError, match=r"unnamed names 1 modules .* node_tokens"):
        CostCounter(space).count([space.sample(np.random.default_rng(1))])


@pytest.mark.timing
@pytest.mark.parametrize("name", LARGE)
def test_twenty_thousand_a_second(name):
    space = make_space(name)
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(20_000)]
    began = time.process_time()
    CostCounter(space).count(archs)  # learning included
    assert time.process_time() - began < 1.0
