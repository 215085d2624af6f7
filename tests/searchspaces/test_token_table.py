"""Sums over tokens equal sums over nodes."""

import numpy as np
import pytest

from searchspaces import SearchSpaceError, TokenTable, cost_of, make_space


def rows(nodes):
    return np.array([[cost_of(n.spec).macs, 1] for n in nodes], np.float64)


@pytest.mark.parametrize("name", ["detnas-nano", "zoo", "crnas-resnet18"])
def test_sums_equal_those_of_the_nodes(name):
    space = make_space(name)
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(8)]
    found = TokenTable(space, rows, 2, np.float64, batch=2).sums(archs)
    for row, arch in zip(found, archs, strict=True):
        assert row == pytest.approx(rows(space.detector(arch).nodes(2)).sum(0))


def test_rows_are_asked_for_once_and_of_the_precision():
    space, asked = make_space("detnas-nano"), []
    table = TokenTable(
        space, lambda nodes: (asked.extend(nodes), rows(nodes))[1], 2, np.float64, precision="fp16"
    )
    arch = space.sample(np.random.default_rng(0))
    assert (table.sums([arch, arch]) == table.sums([arch])).all()
    assert len({node.spec for node in asked}) <= len(asked) <= len(space.detector(arch).nodes())
    assert {node.spec.dtype for node in asked} == {"fp16"}
    assert table.sums([]).shape == (0, 2)


def test_wrong_tokens_are_refused():
    space = make_space("detnas-nano")
    table = TokenTable(space, rows, 2, np.float64)
    table._tokens = lambda arch: ("one",)
    with pytest.raises(SearchSpaceError, match="node_tokens must name each"):
        table.sums([space.sample(np.random.default_rng(0))])


def test_new_modules_of_many_architectures_are_asked_for_at_once():
    space, asked = make_space("detnas-nano"), []
    table = TokenTable(
        space, lambda nodes: (asked.append(len(nodes)), rows(nodes))[1], 2, np.float64
    )
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(50)]
    found = table.sums(archs)
    assert len(asked) == 1
    assert (table.sums(archs) == found).all()
    assert (TokenTable(space, rows, 2, np.float64).sums(archs[::-1]) == found[::-1]).all()
    table.sums([space.sample(rng) for _ in range(50)])
    assert len(asked) <= 2
