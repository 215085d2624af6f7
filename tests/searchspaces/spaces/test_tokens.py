import pytest

from searchspaces import make_space
from searchspaces.spaces.tokens import block_tokens, constant_tokens


def test_the_first_block_of_a_stage_has_a_name_of_its_own():
    assert block_tokens((1, 3, 2), 4) == (0, 8, 12, 12, 16, 20)
    assert block_tokens((), 4) == ()


def test_choices_never_meet():
    choices = 3
    of_block = [
        {token + i for i in range(choices)} for token in set(block_tokens((2, 2), choices))
    ]
    assert sum(map(len, of_block)) == len(set().union(*of_block))


@pytest.mark.parametrize(("head", "after"), [("fpn", 6), ("retinanet", 3)])
def test_what_never_changes_is_named_below_zero(head, after):
    space = make_space("detnas-nano", head=head)
    graph = space.detector(space.decode("0123012301")).graph()
    first, last = constant_tokens(graph, 10)
    assert (len(first), len(last)) == (1, after)
    assert len({*first, *last}) == 1 + after
    assert max(*first, *last) < 0


def test_modules_of_the_backbone_after_the_searched_blocks_never_change():
    space = make_space("crnas-mobilenetv2-operations", stages="1-1-1-1-3-2-2-1-1-1")
    arch = space.decode("0" * 14)
    first, last = constant_tokens(space.detector(arch).graph(), 11, 1)
    assert (len(first), len(last)) == (1, 7)
