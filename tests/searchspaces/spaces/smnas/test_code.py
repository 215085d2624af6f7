import pytest
from hypothesis import given, strategies as st

from searchspaces import ArchitectureError, SearchSpaceError
from searchspaces.spaces.smnas.code import (
    BackboneCode,
    CodeLimits,
    either,
    fault,
    is_deeper_or_wider,
)

PUBLISHED = {  # SM-NAS, table of the architectures found
    "E0": "basicblock_64_1-21-21-12",
    "E1": "basicblock_48_12-21-11111-211111",
    "E2": "basicblock_56_12-11111-211-1112",
    "E3": "bottleneck_56_211-111111111-2111111-11112111",
    "E4": "Xbottleneck_56_21-21-111111111111111-2111111",
}


@pytest.mark.parametrize("text", PUBLISHED.values(), ids=PUBLISHED)
def test_published_codes_are_read_and_written(text):
    code = BackboneCode.parse(text)
    assert str(code) == text
    assert len(code.doublings) == 3
    assert code.depth == len(text.rpartition("_")[2].replace("-", ""))


def test_fields_of_a_code():
    code = BackboneCode.parse("bottleneck_56_211-111111111-2111111-11112111")
    assert (code.block, code.base) == ("bottleneck", 56)
    assert code.depths == (3, 9, 7, 8)
    assert code.depth == 27
    assert code.doublings == (0, 12, 23)
    assert [stage[0] for stage in code.widths] == [112, 112, 224, 224]
    assert [stage[-1] for stage in code.widths] == [112, 112, 224, 448]


def test_the_part_has_what_the_code_says():
    part = BackboneCode.parse(PUBLISHED["E0"]).part("gn_ws")
    assert (part.block, part.base_channels, part.groups) == (
        "basicblock",
        64,
        ("1", "21", "21", "12"),
    )
    assert part.norm == "gn_ws"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "has 1 fields instead of 3; write BLOCK_BASE_GROUPS as in 'basicblock_64"),
        ("basicblock_64", "has 2 fields instead of 3"),
        ("basicblock_64_1_21-21-12", "has 4 fields instead of 3"),
        (
            "resblock_64_1-21-21-12",
            "characters 1-8, 'resblock': .*; use basicblock, bottleneck, X",
        ),
        ("BasicBlock_64_1-21-21-12", "characters 1-10, 'BasicBlock'"),
        ("_64_1-21-21-12", "at character 1: no block type"),
        ("basicblock_54_1-21-21-12", "characters 12-13, '54': .*; use 48, 56, 64 or 72"),
        ("basicblock_064_1-21-21-12", "characters 12-14, '064': no base width"),
        ("basicblock__1-21-21-12", "at character 12: no base width"),
        ("basicblock_64_1-21-23-12", "character 21, '3': no block; use 1 .regular., 2 .doubles"),
        ("basicblock_64_1-21-2\N{SUPERSCRIPT ONE}-12", "character 21, '\N{SUPERSCRIPT ONE}'"),
        ("basicblock_64_1-21-21-12\n", r"character 25, '\\n': no block"),
        ("basicblock_64_-1-21-12", "character 15, '-': the group before it is empty"),
        (
            "basicblock_64_1--21-12",
            "character 17, '-': the group before it is empty; put a 1 or 2",
        ),
        ("basicblock_64_1-21-21-", "character 22, '-': the group after it is empty"),
        ("basicblock_64_", "character 14, '_': the group after it is empty"),
        ("basicblock_64_1-21-212", "has 3 groups instead of 4, one per stride 4, 8, 16 and 32"),
        ("basicblock_64_1-21-21-12-1", "character 25, '-': begins group 5; there are 4"),
        ("basicblock_64_1-22-21-12", "character 24, '2': doubling 4; there are exactly 3"),
        ("basicblock_64_1-21-21-11", "doubles the channels 2 times instead of 3"),
        ("basicblock_64_2-2-2-1", "has 4 blocks; there are at least 5"),
        (
            f"basicblock_64_{'1' * 30}-21-21-12",
            "character 53, '2': block 36; there are at most 35",
        ),
    ],
)
def test_malformed_codes_say_where_and_what(text, match):
    with pytest.raises(ArchitectureError, match=match):
        BackboneCode.parse(text)


def test_limits_and_block_types_can_be_narrower():
    limits = CodeLimits(bases=(64,), max_blocks=7)
    assert BackboneCode.parse(PUBLISHED["E0"], limits).base == 64
    with pytest.raises(ArchitectureError, match=r"use 64$"):
        BackboneCode.parse("basicblock_56_1-21-21-12", limits)
    with pytest.raises(ArchitectureError, match="character 25, '1': block 8; there are at most 7"):
        BackboneCode.parse("basicblock_64_1-21-21-121", limits)
    with pytest.raises(ArchitectureError, match="use bottleneck or MBblock"):
        BackboneCode.parse(PUBLISHED["E0"], blocks=("bottleneck", "MBblock"))


@pytest.mark.parametrize("bounds", [(3, 9), (9, 8), (4, 5), (0, 35)])
def test_limits_without_room_are_refused(bounds):
    with pytest.raises(SearchSpaceError, match="limits need 4 <= min_blocks <= max_blocks"):
        CodeLimits(min_blocks=bounds[0], max_blocks=bounds[1])


@pytest.mark.parametrize(
    ("groups", "held"),
    [
        (("1", "21", "21", "12"), True),
        (("1", "21", "21", "11"), False),
        (("1", "21", "21", "22"), False),
        (("1", "21", "2112"), False),
        (("", "121", "21", "12"), False),
        (("1", "21", "21", 12), False),
        (("1", "21", "21", "13"), False),
        (("2", "2", "2", "1"), False),
        (("2", "2", "2", "1" * 32), True),
        (("2", "2", "2", "1" * 33), False),
    ],
)
def test_limits_hold_groups(groups, held):
    assert CodeLimits().hold(groups) is held


@pytest.mark.parametrize(
    ("a", "b", "holds"),
    [
        ("basicblock_64_1-21-21-12", "basicblock_64_1-21-21-12", True),
        ("basicblock_72_1-21-21-12", "basicblock_64_1-21-21-12", True),
        ("basicblock_64_1-21-21-12", "basicblock_72_1-21-21-12", False),
        ("basicblock_64_1-21-21-112", "basicblock_64_1-21-21-12", True),
        ("basicblock_64_1-21-21-21", "basicblock_64_1-21-21-12", True),
        ("basicblock_64_2-11-21-12", "basicblock_64_1-21-21-12", True),
        ("basicblock_64_11-21-21-2", "basicblock_64_1-21-21-12", False),  # last stage shallower
        ("basicblock_72_1-11-22-12", "basicblock_48_1-21-21-12", False),  # second narrower
        ("bottleneck_72_1-21-21-12", "basicblock_64_1-21-21-12", False),
        # A longer stage with as many wide blocks, and as many of any width.
        ("basicblock_64_1-1121-21-12", "basicblock_64_1-21-21-12", True),
        ("basicblock_64_1-1112-21-12", "basicblock_64_1-21-21-12", False),
    ],
)
def test_the_partial_order(a, b, holds):
    assert is_deeper_or_wider(BackboneCode.parse(a), BackboneCode.parse(b)) is holds


codes = st.builds(
    lambda base, groups: BackboneCode("basicblock", base, tuple(groups)),
    st.sampled_from([48, 56]),
    st.lists(st.text("12", min_size=1, max_size=3), min_size=4, max_size=4),
)


@given(codes, codes, codes)
def test_the_partial_order_is_one(a, b, c):
    assert is_deeper_or_wider(a, a)
    if is_deeper_or_wider(a, b) and is_deeper_or_wider(b, c):
        assert is_deeper_or_wider(a, c)
    if is_deeper_or_wider(a, b) and is_deeper_or_wider(b, a):
        assert a.widths == b.widths


@given(codes, st.integers(0, 3), st.integers(0, 3))
def test_one_more_block_is_deeper(code, stage, place):
    """A block repeated is one of the same width more, and changes no other."""
    width, grown = code.base, []
    for index, group in enumerate(code.groups):
        cut = min(place, len(group))
        grown.append(f"{group[:cut]}1{group[cut:]}" if index == stage else group)
    more = BackboneCode(code.block, width, tuple(grown))
    assert is_deeper_or_wider(more, code)
    assert not is_deeper_or_wider(code, more)


def test_faults_count_characters_from_one():
    assert str(fault("abc", 0, 1, "why")) == "'abc': character 1, 'a': why"
    assert str(fault("abc", 1, 2, "why")) == "'abc': characters 2-3, 'bc': why"
    assert str(fault("abc", 3, 0, "why")) == "'abc': at character 4: why"
    assert (either((1, 2, 3)), either((1,))) == ("1, 2 or 3", "1")
