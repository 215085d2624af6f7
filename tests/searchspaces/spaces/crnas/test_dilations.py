import numpy as np
import pytest
from hypothesis import given, strategies as st

from searchspaces import ArchitectureError
from searchspaces.spaces.crnas import dilations
from searchspaces.spaces.crnas.series import MOBILENETV2, RESNET

CODE = (1, 3, 5, 7)
PUBLISHED = "0010001200102112"
stages = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9).map(tuple), min_size=1)
MOBILENET = "01010201100110110200"


def test_digits_are_cut_into_stages():
    digits = tuple(range(6))
    assert dilations.by_stage((1, 2, 3), digits) == ((0,), (1, 2), (3, 4, 5))


def test_published_codes_are_read_and_written():
    digits = dilations.read(RESNET, CODE, PUBLISHED, PUBLISHED)
    assert digits == (0, 0, 1, 0, 0, 0, 1, 2, 0, 0, 1, 0, 2, 1, 1, 2)
    assert dilations.write(RESNET, CODE, digits) == PUBLISHED
    code = (2, 2, 3, 4, 4)
    digits = dilations.read(MOBILENETV2, code, MOBILENET, MOBILENET)
    assert digits == (1, 0, 1, 0, 2, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 2)
    assert dilations.write(MOBILENETV2, code, digits) == MOBILENET


@pytest.mark.parametrize(
    ("rule", "code", "text", "match"),
    [
        (RESNET, CODE, "001000120010211", "has 15 digits; stage code 1-3-5-7 needs 16"),
        (RESNET, CODE, "00100012001021120", "has 17 digits; stage code 1-3-5-7 needs 16"),
        (RESNET, CODE, "", "has 0 digits"),
        (RESNET, CODE, "0030001200102112", "character 11, '3', is no dilation; use 0, 1 and 2"),
        (RESNET, CODE, "001000120010211²", "character 24, '²', is no dilation"),
        (MOBILENETV2, (2, 2, 3, 4, 4), "1" + MOBILENET[1:], "character 9, '1', must be 0"),
        (MOBILENETV2, (2, 2, 3, 4, 4), MOBILENET[:-1] + "2", "character 28, '2', must be 0"),
        (MOBILENETV2, (2, 2, 3, 4, 4), MOBILENET[1:-2], "has 17 digits; .* needs 20"),
    ],
)
def test_codes_that_are_none_say_where_and_what(rule, code, text, match):
    with pytest.raises(ArchitectureError, match=match):
        dilations.read(rule, code, text, "1-3-5-7/" + text)


def test_redrawing_changes_at_least_one_digit():
    rng = np.random.default_rng(0)
    digits = (0, 1, 2) * 10
    changed = [
        sum(a != b for a, b in zip(digits, dilations.redraw(digits, rng), strict=True))
        for _ in range(2000)
    ]
    assert min(changed) >= 1
    # One for certain, each of the other 29 with probability 0.1: mean 3.9, deviation 1.62.
    assert np.mean(changed) == pytest.approx(3.9, abs=4 * 1.62 / np.sqrt(2000))
    assert {dilations.redraw((1,), rng) for _ in range(50)} == {(0,), (2,)}


def test_a_block_takes_its_dilation_along():
    rng = np.random.default_rng(0)
    before = ((0, 1, 2), (0, 0), (1,))
    assert dilations.carry(before, (1, 2, 3), rng) == (0, 0, 0, 1, 1, 2)
    assert dilations.carry(before, (3, 2, 1), rng) == (0, 1, 2, 0, 0, 1)
    assert dilations.carry(before, (1, 1, 1), rng) == (0, 0, 1)
    grown = {dilations.carry(before, (3, 2, 2), rng) for _ in range(50)}
    assert grown == {(0, 1, 2, 0, 0, 1, new) for new in range(3)}


@given(stages, st.data())
def test_blocks_that_stay_keep_their_dilation(before, data):
    depths = data.draw(st.tuples(*[st.integers(1, 9)] * len(before)))
    after = dilations.by_stage(depths, dilations.carry(before, depths, np.random.default_rng(0)))
    assert tuple(map(len, after)) == depths
    for old, new in zip(before, after, strict=True):
        assert new[: len(old)] == old[: len(new)]


def test_children_take_digits_from_who_has_the_block():
    rng = np.random.default_rng(0)
    a, b = ((0, 0, 0), (0,)), ((1,), (1, 1, 1))
    seen = {dilations.child(a, b, (3, 3), rng) for _ in range(200)}
    assert seen == {(x, 0, 0, y, 1, 1) for x in range(2) for y in range(2)}


@given(stages)
def test_shares_lay_the_blocks_over_the_pieces(before):
    bins = [min(len(stage), 4) for stage in before]
    rows = np.array(dilations.shares(tuple(before), bins)).reshape(-1, 3)
    assert len(rows) == sum(bins)
    np.testing.assert_allclose(rows.sum(1), 1)
    first = 0
    for stage, count in zip(before, bins, strict=True):
        expected = np.bincount(stage, minlength=3) / len(stage)
        np.testing.assert_allclose(rows[first : first + count].mean(0), expected, atol=1e-12)
        first += count


def test_shares_of_one_block_per_piece_are_indicators():
    digits = (0, 2, 1, 1)
    assert dilations.shares((digits,), (4,)) == pytest.approx(dilations.indicators(digits))
    halves = dilations.shares(((0, 1, 2),), (2,))
    assert halves == pytest.approx([2 / 3, 1 / 3, 0, 0, 1 / 3, 2 / 3])
