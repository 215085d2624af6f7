import numpy as np
import pytest

from searchspaces.spaces.smnas.code import CodeLimits
from searchspaces.spaces.smnas.covering import cover, longest, numbered, places
from searchspaces.spaces.smnas.groups import count_groups, groups_at
from tests.searchspaces.spaces.smnas.every_space import SPACES


def test_the_covering_holds_every_module_at_every_node_that_samples_show(space):
    rng = np.random.default_rng(3)
    covering = list(space.covering())
    assert len(set(covering)) == len(covering)
    assert all(map(space.is_valid, covering))
    held = {(n.name, n.spec) for arch in covering for n in space.detector(arch).graph().nodes}
    for _ in range(200):
        nodes = space.detector(space.sample(rng)).graph().nodes
        assert held.issuperset((node.name, node.spec) for node in nodes)


@pytest.mark.parametrize(
    ("name", "most"),
    # Every pyramid on every family of widths is a module of its own: 3 families x 42 x 4 sizes;
    # 4 blocks x 4 bases x 20 ways to spread three doublings over four stages x 3 widths; there
    # every place of a block, up to the 32nd of a stage, asks for more.
    [("structural", 1.1 * 3 * 42 * 4), ("modular", 3 * 4 * 4 * 20 * 3)],
)
def test_the_covering_is_not_much_larger_than_the_pyramids_ask_for(name, most):
    assert len(list(SPACES[name]().covering())) <= most


def test_a_cover_is_greedy_and_ends():
    held = {"a": ["x"], "b": ["x", "y"], "c": ["z", "z"], "d": []}
    assert list(cover("abcd", held.get)) == ["b", "c"]
    assert list(cover("", held.get)) == []


def test_names_are_numbered_apart():
    assert numbered(["a", "b", "a", "a"]) == [("a", 0), ("b", 0), ("a", 1), ("a", 2)]


def test_places_of_blocks():
    assert list(places(("1", "21", "2", "2"))) == [
        (0, 0, 0, "1"),
        (1, 0, 0, "2"),
        (1, 1, 1, "1"),
        (2, 0, 1, "2"),
        (3, 0, 2, "2"),
    ]


@pytest.mark.parametrize("bounds", [(6, 6), (5, 7), (7, 8)])
def test_the_longest_sets_hold_every_block_at_every_place(bounds):
    limits = CodeLimits(min_blocks=bounds[0], max_blocks=bounds[1])
    few = list(longest(limits))
    assert all(map(limits.hold, few))
    sets = (groups_at(limits, index) for index in range(count_groups(limits)))
    every = {place for groups in sets for place in places(groups)}
    assert {place for groups in few for place in places(groups)} == every
