"""The bank and its paths."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from detection import BuildError, Detector, Supernet
from searchspaces import Architecture, DetNasSpace

MakeSpace = Callable[..., DetNasSpace]
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
TARGETS = [{"boxes": torch.tensor([[5.0, 5, 40, 30]]), "labels": torch.tensor([1])}] * 2
BLOCK = re.compile(r"backbone_s\d_b\d__")
heads = pytest.mark.parametrize("head", ["fpn", "retinanet"])


@heads
def test_the_bank_holds_every_choice_once(make_space: MakeSpace, head: str) -> None:
    supernet = Supernet(make_space(head))
    blocks = [key for key in supernet.bank if BLOCK.match(key)]
    assert len(blocks) == 4 * 10
    others = {key.partition("__")[0] for key in supernet.bank if key not in blocks}
    assert len(supernet.bank) == len(blocks) + len(others)


@heads
def test_a_path_equals_a_detector_with_its_weights(make_space: MakeSpace, head: str) -> None:
    space = make_space(head)
    supernet = Supernet(space).eval()
    arch = space.sample(np.random.default_rng(0))
    path = supernet.detector(arch).eval()
    alone = Detector(space.detector(arch)).eval()
    alone.load_state_dict(path.state_dict())
    for mine, theirs in zip(path(IMAGES), alone(IMAGES), strict=True):
        assert torch.equal(mine, theirs)


@heads
def test_only_the_path_gets_gradients(make_space: MakeSpace, head: str) -> None:
    space = make_space(head)
    supernet = Supernet(space)
    path = supernet.detector(space.sample(np.random.default_rng(0)))
    torch.stack(list(path.losses(IMAGES, TARGETS).values())).sum().backward()
    inside = {id(p) for p in path.parameters()}
    assert all((p.grad is not None) == (id(p) in inside) for p in supernet.parameters())
    assert len(inside) < len(list(supernet.parameters()))


def test_extracting_copies(make_space: MakeSpace) -> None:
    space = make_space("retinanet")
    supernet = Supernet(space)
    arch = space.sample(np.random.default_rng(0))
    shared = supernet.detector(arch)
    torch.stack(list(shared.losses(IMAGES, TARGETS).values())).sum().backward()
    copy = supernet.extract(arch)
    assert all(p.grad is None for p in copy.parameters())
    bank = {id(p) for p in supernet.parameters()}
    assert not bank & {id(p) for p in copy.parameters()}
    assert bank >= {id(p) for p in shared.parameters()}
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter.fill_(7.0)
    assert not any(bool((p == 7).any()) for p in supernet.parameters())


class NoChoices:
    """A space that offers nothing but samples, and an architecture outside of them."""

    name = "detnas-nano"

    def __init__(self, space: DetNasSpace) -> None:
        self.space = space
        self.detector, self.encode, self.is_valid = space.detector, space.encode, space.is_valid

    def sample(self, rng: np.random.Generator) -> Architecture:
        first = self.space.sample(rng)
        return Architecture(first.space, (*first.genes[:-1], 0))  # never 1..3 in the last place


def test_a_space_without_gene_choices_is_sampled(make_space: MakeSpace) -> None:
    space = make_space("retinanet")
    supernet = Supernet(NoChoices(space))  # type: ignore[arg-type]
    assert len([key for key in supernet.bank if BLOCK.match(key)]) == 4 * 9 + 1
    supernet.detector(space.decode("1231231230"))
    with pytest.raises(BuildError, match=r"no module for backbone_s4_b1 of 12-31-2312-33"):
        supernet.detector(space.decode("1231231233"))
