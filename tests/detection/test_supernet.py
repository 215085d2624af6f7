"""The bank and its paths."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from detection import BuildError, Detector, Supernet, uniform_paths
from searchspaces import Architecture, DetNasSpace, SearchSpace, make_space

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
    with pytest.raises(BuildError, match=r"no module for backbone_s4_b1 of 12-31-2312-33; let"):
        supernet.detector(space.decode("1231231233"))


CRNAS = [  # space, options, (name, dilation) of every block's module by closed form
    (
        "crnas-resnet50-stages",
        {},
        {
            (f"backbone_s{stage}_n{count}_b{block}", 1)
            for stage, counts in enumerate(
                [range(1, 11), range(1, 11), (2, 3, 5, 6, 9, 11), (2, 3, 4, 6, 7, 9, 11)], 1
            )
            for count in counts
            for block in range(count)
        },
    ),
    (
        "crnas-resnet50-operations",
        {},
        {
            (f"backbone_s{stage}_b{block}", dilation)
            for stage, count in enumerate((1, 3, 5, 7), 1)
            for block in range(count)
            for dilation in (1, 2, 3)
        },
    ),
    (
        "crnas-resnet18",
        {"blocks": 7},
        {
            (f"backbone_s{stage}_b{block}", dilation)
            for stage, count in enumerate((2, 2, 3, 3), 1)
            for block in range(count)
            for dilation in (1, 2, 3)
        },
    ),
]
levels = pytest.mark.parametrize(("name", "options", "blocks"), CRNAS)


def reallocation(name: str, options: dict[str, int]) -> SearchSpace:
    tiny = {"input_hw": (64, 64), "num_classes": 3, "base_channels": 16, "head": "retinanet"}
    return make_space(name, **tiny, **options)


@levels
def test_reallocation_supernets_hold_every_branch_and_dilation(
    name: str, options: dict[str, int], blocks: set[tuple[str, int]]
) -> None:
    space = reallocation(name, options)
    supernet = Supernet(space)
    nodes = {n for arch in space.covering() for n in space.detector(arch).graph().nodes}
    held = {(n.name, n.spec.get_int("dilation")) for n in nodes if "_b" in n.name}
    assert held == blocks
    others = {n.name for n in nodes if "_b" not in n.name}
    assert len(supernet.bank) == len(blocks) + len(others)
    rng = np.random.default_rng(1)
    for _ in range(100):
        supernet.detector(space.sample(rng))


@levels
def test_reallocation_supernets_train_path_by_path(
    name: str, options: dict[str, int], blocks: set[tuple[str, int]]
) -> None:
    supernet = Supernet(reallocation(name, options)).train()
    before = {key: value.clone() for key, value in supernet.state_dict().items()}
    optimizer = torch.optim.SGD(supernet.parameters(), 1e-3)
    path_at, paths = uniform_paths(supernet), []
    for step in range(3):
        paths.append(path_at(step))
        optimizer.zero_grad(set_to_none=True)
        loss = torch.stack(list(paths[-1].losses(IMAGES, TARGETS).values())).sum()
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss)
    after = supernet.state_dict()
    changed = {key.split(".")[1] for key in after if not torch.equal(after[key], before[key])}
    trained = {id(module) for path in paths for module in path.nodes.values()}
    of_paths = {key for key, module in supernet.bank.items() if id(module) in trained}
    learning = {key for key in of_paths if any(True for _ in supernet.bank[key].parameters())}
    assert changed == learning < set(supernet.bank)


@levels
def test_paths_of_reallocation_supernets_can_be_taken_out(
    name: str, options: dict[str, int], blocks: set[tuple[str, int]]
) -> None:
    space = reallocation(name, options)
    supernet = Supernet(space).eval()
    arch = space.sample(np.random.default_rng(0))
    path, copy = supernet.detector(arch).eval(), supernet.extract(arch).eval()
    for mine, theirs in zip(path(IMAGES), copy(IMAGES), strict=True):
        assert torch.equal(mine, theirs)
    bank = {id(p) for p in supernet.parameters()}
    assert not bank & {id(p) for p in copy.parameters()}
