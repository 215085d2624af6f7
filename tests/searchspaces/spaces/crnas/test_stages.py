import itertools
from collections import Counter

import numpy as np
import pytest

from searchspaces import ArchitectureError, SearchSpaceError
from searchspaces.spaces.crnas.series import MOBILENETV2, RESNET, RESNEXT101
from searchspaces.spaces.crnas.stages import StageCodes, StageRule

# CR-NAS, stage reallocation, written down once more.
T12 = range(1, 11)
T3 = {2, 3, 5, 6, 9, 11, 14, 17, 20, 23}
T4 = {2, 3, 4, 6, 7, 9, 11, 13, 15, 17}
SMALL = StageRule(((1, 2, 3),) * 3, weights=(4, 4, 4))


def resnet_by_brute_force(blocks):
    return {
        (a, b, c, blocks - a - b - c)
        for a in T12
        for b in T12
        for c in T3
        if blocks - a - b - c in T4
    }


@pytest.mark.parametrize(("blocks", "count"), [(8, 9), (16, 153), (33, 374)])
def test_eligible_codes_of_resnets_are_those_of_brute_force(blocks, count):
    codes = StageCodes(RESNET, (blocks,)).all
    assert len(codes) == len(set(codes)) == count
    assert set(codes) == resnet_by_brute_force(blocks)
    assert list(codes) == sorted(codes)


def test_eligible_codes_of_mobilenet_weigh_as_much_as_the_baseline():
    weights = (1.5, 1, 1, 0.75, 1.25)
    sets = [range(1, 6), range(1, 6), range(3, 8), range(2, 7), range(2, 7)]
    baseline = sum(w * m for w, m in zip(weights, (2, 3, 4, 3, 3), strict=True))
    assert baseline == 16
    expected = {
        code
        for code in itertools.product(*sets)
        if sum(w * m for w, m in zip(weights, code, strict=True)) == baseline
    }
    codes = StageCodes(MOBILENETV2, (16,)).all
    assert set(codes) == expected
    assert len(codes) == 43
    assert {(2, 3, 4, 3, 3), (2, 2, 3, 4, 4)} <= set(codes)


def test_the_published_code_outside_its_set_is_eligible_where_it_fits():
    outside = (3, 4, 15, 11)
    assert outside not in RESNEXT101.declared(33)
    assert set(RESNEXT101.eligible(33)) == {*resnet_by_brute_force(33), outside}
    assert RESNEXT101.eligible(16) == RESNEXT101.declared(16)
    codes = StageCodes(RESNEXT101, (33,))
    assert codes.parse("3-4-15-11") == outside
    with pytest.raises(ArchitectureError, match="stage 3 has 15 blocks, not one of 2, 3, 5, 6"):
        StageCodes(RESNET, (33,)).parse("3-4-15-11")


@pytest.mark.parametrize("blocks", [5, 61, 0, -1, "16", 16.0])
def test_a_budget_that_no_code_meets_is_refused(blocks):
    with pytest.raises(SearchSpaceError, match="give ints from 6 to 60"):
        StageCodes(RESNET, (blocks,))


def test_several_budgets_are_one_set():
    codes = StageCodes(RESNET, (16, 33))
    assert set(codes.all) == resnet_by_brute_force(16) | resnet_by_brute_force(33)
    assert len(codes.all) == 153 + 374
    with pytest.raises(ArchitectureError, match="it has 17 blocks instead of 16 or 33; the"):
        codes.parse("1-3-5-8")
    with pytest.raises(SearchSpaceError, match="no budget is given"):
        StageCodes(RESNET, ())


@pytest.mark.parametrize("rule", [RESNET, MOBILENETV2])
def test_every_code_is_read_back(rule):
    codes = StageCodes(rule, (16,))
    for code in codes.all:
        assert codes.parse(rule.text(code)) == code


def test_fixed_entries_are_written_and_counted():
    assert MOBILENETV2.text((2, 3, 4, 3, 3)) == "1-1-2-3-4-3-3-1-1-1"
    assert MOBILENETV2.depths((2, 3, 4, 3, 3)) == (1, 2, 3, 4, 3, 3, 1)
    assert RESNET.depths((3, 4, 6, 3)) == (3, 4, 6, 3)


@pytest.mark.parametrize(
    ("rule", "text", "match"),
    [
        (RESNET, "1-3-5-8", "it has 17 blocks instead of 16; the nearest .* is 1-2-5-8|1-3-5-7"),
        (RESNET, "3-4-6-4", "17 blocks instead of 16; the nearest eligible stage code is "),
        (RESNET, "1-1-1-13", r"stage 3 has 1 blocks, not one of 2, 3, 5, .*; the nearest"),
        (RESNET, "1-3-5", "it has 3 stages instead of 4; .*, as in 1-1-2-2"),
        (RESNET, "1-3-5-7-", "it has 5 stages instead of 4"),
        (RESNET, "1-3--7", "stage 3 has '' blocks; write a number from 1 to 99"),
        (RESNET, "01-3-5-7", "stage 1 has '01' blocks"),
        (RESNET, "0-3-6-7", "stage 1 has '0' blocks"),
        (RESNET, "1-3-5-777", "stage 4 has '777' blocks"),
        (RESNET, "1-3-x-7", "character 5, 'x', stands in no stage code"),
        (RESNET, "1-3-⁵-7", "character 5, '⁵', stands in no stage code"),
        (RESNET, "1,3,5,7", "character 2, ',', stands in no stage code"),
        (
            MOBILENETV2,
            "1-1-2-3-4-3-4-1-1-1",
            r"17.25 blocks \(weights 1.5, 1, 1, 0.75, 1.25\) instead of 16; the nearest",
        ),
        (MOBILENETV2, "1-2-2-3-4-3-3-1-1-1", "stage 2 has 2 blocks, but that stage is not sea"),
        (MOBILENETV2, "1-1-2-3-4-3-3-1-1-2", "stage 10 has 2 blocks, .*; write 1"),
        (MOBILENETV2, "2-3-4-3-3", "it has 5 stages instead of 10"),
    ],
)
def test_codes_that_are_none_say_what_is_wrong(rule, text, match):
    with pytest.raises(ArchitectureError, match=match):
        StageCodes(rule, (16,)).parse(text)


def test_the_nearest_code_moves_the_fewest_blocks():
    codes = StageCodes(RESNET, (16,))
    for code in ((1, 3, 5, 8), (10, 10, 23, 17), (1, 1, 1, 13)):
        distance = {c: sum(abs(a - b) for a, b in zip(c, code, strict=True)) for c in codes.all}
        assert distance[codes.nearest(code)] == min(distance.values())
    assert all(codes.nearest(code) == code for code in codes.all)


def test_neighbours_are_drawn_by_the_blocks_that_move():
    codes, rng = StageCodes(SMALL, (6,)), np.random.default_rng(0)
    code, draws = (2, 2, 2), 20_000
    drawn = Counter(codes.neighbour(code, rng) for _ in range(draws))
    odds = {
        c: 0.5 ** sum(abs(a - b) for a, b in zip(c, code, strict=True))
        for c in codes.all
        if c != code
    }
    assert drawn.keys() == odds.keys()
    for other, weight in odds.items():
        p = weight / sum(odds.values())
        assert abs(drawn[other] / draws - p) < 5 * np.sqrt(p * (1 - p) / draws)


def test_the_only_code_is_its_own_neighbour():
    codes = StageCodes(SMALL, (3,))
    assert codes.neighbour((1, 1, 1), np.random.default_rng(0)) == (1, 1, 1)


def test_children_have_every_stage_from_a_parent():
    codes, rng = StageCodes(RESNET, (16,)), np.random.default_rng(0)
    a, b = (3, 4, 6, 3), (4, 3, 3, 6)
    mixed = {c for c in itertools.product(*zip(a, b, strict=True)) if sum(c) == 16}
    drawn = Counter(codes.child(a, b, rng) for _ in range(2000))
    assert drawn.keys() == mixed == {a, b, (3, 4, 3, 6), (4, 3, 6, 3)}
    assert max(drawn.values()) < 2 * min(drawn.values())
    assert codes.child(a, a, rng) == a


@pytest.mark.parametrize(("rule", "blocks"), [(RESNET, 16), (RESNET, 33), (MOBILENETV2, 16)])
def test_the_cover_holds_every_count(rule, blocks):
    codes = StageCodes(rule, (blocks,))
    held = {pair for code in codes.cover for pair in enumerate(code)}
    assert held == {pair for code in codes.all for pair in enumerate(code)}
    assert len(codes.cover) < 20


def test_features_are_shares_of_the_largest_count():
    assert StageCodes(SMALL, (6,)).features((1, 2, 3)) == pytest.approx([1 / 3, 2 / 3, 1])


def test_every_whole_budget_of_the_span_is_met():
    for rule in (RESNET, MOBILENETV2):
        low, high = rule.span()
        assert all(rule.eligible(blocks) for blocks in range(low, high + 1))
        assert not rule.eligible(low - 1)
        assert not rule.eligible(high + 1)
