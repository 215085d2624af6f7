"""Group normalisation, with standardised weights or without, in every space: what changes."""

from hashlib import sha256

import numpy as np
import pytest

from searchspaces import SPACES, SearchSpaceError, make_space
from searchspaces.kinds import cost_of

FEW = 64  # architectures that are looked at one by one
FEWER = 4  # of those, with a second norm
STEP = 101  # prime, so that it meets every gene of a product
WITHOUT_NORM = {"rpn_head", "guided_rpn_head"}  # of all kinds that hold weights
HEADS = {
    "detnas-nano": ("fpn", "retinanet"),
    "crnas-resnet18-stages": ("fpn", "cascade", "mask", "cascade-mask", "nas-fpn", "retinanet"),
}
MADE = [
    *((name, {}) for name in SPACES),
    *((name, {"head": head}) for name, heads in HEADS.items() for head in heads),
    ("smnas-modular", {"structure": "resnext50/c4/garpn/cascade2/512x512"}),
    ("smnas-modular", {"structure": "mobilenetv2/P2-P6@128/none/retinanet/512x512"}),
]
every_space = pytest.mark.parametrize(
    ("name", "options"), MADE, ids=[" ".join((name, *options.values())) for name, options in MADE]
)


def some_of(space):
    """Return all architectures of a small space, each gene of a larger one, or a draw."""
    if not hasattr(space, "enumerate"):
        rng = np.random.default_rng(0)
        return [space.sample(rng) for _ in range(8)]
    every = list(space.enumerate())
    return every if len(every) <= FEW else every[::STEP]


def parameters_of(node):
    return {name: value for name, value in node.spec.params if name != "norm"}


@every_space
def test_every_module_that_can_takes_the_norm(name, options):
    plain = make_space(name, **options)
    archs = some_of(plain)
    for norm, looked_at in (("gn_ws", archs), ("gn", archs[:FEWER])):
        space = plain.with_norm(norm)
        assert space == make_space(name, **options, norm=norm)
        for arch in looked_at:
            before, after = (each.detector(arch).graph().nodes for each in (plain, space))
            for mine, other in zip(before, after, strict=True):
                check_norm(mine, other, norm)


def check_norm(before, after, norm):
    """Check that a node has the norm where it can have one, and is else what it was."""
    spec = after.spec
    assert (before.name, before.part) == (after.name, after.part)
    assert (before.spec.kind, before.spec.inputs) == (spec.kind, spec.inputs)
    assert parameters_of(before) == parameters_of(after)
    found = dict(spec.params).get("norm")
    if spec.kind == "box_head" and not spec.get_int("num_convs"):
        assert found == "none", "linear layers have none"
    elif found is None:
        assert not cost_of(spec).params or spec.kind in WITHOUT_NORM
    else:
        assert found == norm, spec.key


@every_space
def test_codes_and_multiply_adds_are_the_same(name, options):
    plain = make_space(name, **options, norm="bn")
    assert plain == make_space(name, **options)
    for norm in ("gn", "gn_ws"):
        space = plain.with_norm(norm)
        assert space.with_norm("bn") == plain != space
        assert (space.name, space.size) == (plain.name, plain.size)
        for arch in some_of(plain)[: 5 if norm == "gn_ws" else 1]:
            assert space.decode(plain.encode(arch)) == arch
            assert space.detector(arch).macs() == plain.detector(arch).macs()


@pytest.mark.parametrize(
    ("name", "digest"),
    [("smnas-structural", "e858257c96568694"), ("zoo", "67a3810df8cdfd66")],
)
def test_the_keys_are_those_of_tables_made_before_there_was_a_norm(name, digest):
    space = make_space(name)
    keys = [space.detector(arch).graph().key for arch in some_of(space)]
    assert sha256("\n".join(keys).encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("norm", ["ln", "none", None, []])
def test_another_norm_is_refused_with_those_that_there_are(name, norm):
    with pytest.raises(SearchSpaceError, match=r"norm .* is not .*bn, gn,? .*gn_ws"):
        make_space(name, norm=norm)
