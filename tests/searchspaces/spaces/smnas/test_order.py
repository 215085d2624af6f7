"""What is nowhere deeper or wider, in both spaces of SM-NAS: an order, and it costs no more."""

from itertools import product

import numpy as np
import pytest

from searchspaces import Architecture, CostCounter, make_space
from searchspaces.spaces.smnas.order import structure_precedes
from searchspaces.spaces.smnas.structure import Structure

C4 = "resnet18/c4/rpn/2fc/512x512"


@pytest.mark.parametrize(
    ("a", "b", "holds"),
    [
        (C4, C4, True),
        ("resnet18/P2-P5@128/rpn/2fc/512x512", "resnet34/P2-P5@128/rpn/2fc/512x512", True),
        ("resnet34/P2-P5@128/rpn/2fc/512x512", "resnet18/P2-P5@128/rpn/2fc/512x512", False),
        ("resnet50/P2-P5@128/rpn/2fc/512x512", "resnet101/P2-P5@512/rpn/cascade4/512x512", True),
        ("resnet50/P2-P5@256/rpn/2fc/512x512", "resnet101/P2-P5@128/rpn/2fc/512x512", False),
        ("resnet34/P2-P5@128/rpn/2fc/512x512", "resnet50/P2-P5@128/rpn/2fc/512x512", False),
        ("resnet50/P2-P5@128/rpn/2fc/512x512", "resnext50/P2-P5@128/rpn/2fc/512x512", False),
        ("resnet18/P2-P5@128/rpn/2fc/512x512", "resnet18/P2-P5@128/rpn/2fc/800x600", False),
        ("resnet18/P2-P5@128/rpn/2fc/512x512", "resnet18/P2-P5@128/garpn/2fc/512x512", False),
        ("resnet18/P2-P4@128/rpn/2fc/512x512", "resnet18/P2-P5@128/rpn/2fc/512x512", False),
        (C4, "resnet18/P2-P5@128/rpn/2fc/512x512", False),
        ("resnet18/c4/none/retinanet/512x512", "resnet34/c4/none/retinanet/512x512", True),
        ("mobilenetv2/c4/rpn/2fc/512x512", "mobilenetv2/c4/rpn/cascade2/512x512", True),
        ("mobilenetv2/c4/rpn/2fc/512x512", C4, False),
    ],
)
def test_structures(a: str, b: str, holds: bool) -> None:
    assert structure_precedes(Structure.parse(a), Structure.parse(b)) is holds
    space = make_space("smnas-structural")
    assert space.precedes(space.decode(a), space.decode(b)) is holds  # type: ignore[attr-defined]


def test_twins_of_other_names_are_equal() -> None:
    """A pyramid that ends at P2 does not use the stage in which these backbones differ."""
    space = make_space("smnas-structural")
    a, b = (
        space.decode(f"{name}/P1-P2@128/rpn/2fc/512x512") for name in ("resnet101", "resnet50")
    )
    precedes = space.precedes  # type: ignore[attr-defined]
    assert precedes(a, b)
    assert precedes(b, a)


def test_the_width_of_the_pyramid_counts() -> None:
    space = make_space("smnas-modular", structure="resnet18/P2-P5@256/rpn/2fc/512x512")
    code = "basicblock_64_1-21-21-12"
    narrow, wide = (space.decode(f"{code}@{width}") for width in (128, 256))
    deeper = space.decode("basicblock_64_11-21-21-12@128")
    precedes = space.precedes  # type: ignore[attr-defined]
    assert precedes(narrow, wide)
    assert not precedes(wide, narrow)
    assert precedes(narrow, deeper)
    assert not precedes(wide, deeper)
    assert not precedes(deeper, wide)


def test_stages_that_nothing_uses_do_not_count() -> None:
    space = make_space("smnas-modular", structure="resnet18/P1-P2@128/rpn/2fc/512x512")
    a = space.decode("basicblock_64_1-21-21-1112")
    b = space.decode("basicblock_64_1-211-21-12")
    precedes = space.precedes  # type: ignore[attr-defined]
    assert precedes(a, b)
    assert not precedes(b, a)


@pytest.mark.parametrize("name", ["smnas-structural", "smnas-modular"])
def test_what_precedes_costs_no_more(name: str) -> None:
    """Multiply-adds never fall along the order: the half of the assumption that can be counted."""
    space, rng = make_space(name), np.random.default_rng(0)
    precedes = space.precedes  # type: ignore[attr-defined]
    archs = [space.canonical(space.sample(rng)) for _ in range(30)]
    for arch in archs[:30]:
        archs += [space.canonical(space.mutate(arch, rng)) for _ in range(12)]
    macs = CostCounter(space).count(archs).total()
    pairs = [
        (i, j)
        for start in range(30)
        for i, j in product((start, *range(30 + 12 * start, 42 + 12 * start)), repeat=2)
        if i != j and precedes(archs[i], archs[j])
    ]
    assert len(pairs) > 50
    assert all(macs[i] <= macs[j] for i, j in pairs)


def test_it_is_an_order() -> None:
    space, rng = make_space("smnas-structural"), np.random.default_rng(1)
    precedes = space.precedes  # type: ignore[attr-defined]
    archs: list[Architecture] = [space.sample(rng)]
    for _ in range(40):
        archs.append(space.mutate(archs[int(rng.integers(len(archs)))], rng))
    below = np.array([[precedes(a, b) for b in archs] for a in archs])
    assert below.diagonal().all()
    assert not ((below.astype(int) @ below > 0) & ~below).any(), "transitive"
    mutual = [(archs[i], archs[j]) for i, j in zip(*np.nonzero(below & below.T), strict=True)]
    assert all(space.canonical(a) == space.canonical(b) for a, b in mutual)
