import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

from searchspaces import (
    SPACES,
    Architecture,
    ArchitectureError,
    SearchSpaceError,
    SizeError,
    UnknownSpaceError,
    format_arch,
    format_size,
    make_space,
    parse_arch,
    parse_option,
    parse_size,
)


@pytest.mark.parametrize("name", SPACES)
def test_architectures_round_trip(name):
    space, rng = make_space(name), np.random.default_rng(0)
    for _ in range(50):
        arch = space.sample(rng)
        text = format_arch(space, arch)
        assert text.startswith(f"{name}:")
        assert parse_arch(text) == (space, arch)


def test_options_reach_the_space():
    space, arch = parse_arch("detnas-nano:" + "0" * 10, head="retinanet", input_hw=(64, 96))
    detector = space.detector(arch)
    assert detector.input_hw == (64, 96)
    assert detector.rpn is None


@pytest.mark.parametrize(
    "text", ["", "detnas-nano", ":00", "0000000000", "detnas-nano/0000000000"]
)
def test_texts_without_a_space_are_refused(text):
    with pytest.raises(ArchitectureError, match=r"SPACE:CODE as in detnas-nano:.*spaces: "):
        parse_arch(text)


def test_the_example_in_the_error_is_an_architecture():
    with pytest.raises(ArchitectureError) as caught:
        parse_arch("nothing")
    examples = re.findall(r" as in ([^,;]+)[,;]", str(caught.value))
    assert len(examples) == 2
    assert all(parse_arch(example) for example in examples)


def test_unknown_spaces_list_the_known():
    with pytest.raises(UnknownSpaceError, match="unknown space 'xyz'; known spaces: crnas-"):
        parse_arch("xyz:00")


def test_the_zoo_is_a_space_of_published_models():
    space, arch = parse_arch("zoo:E0", num_classes=3)
    assert format_arch(space, arch) == "zoo:E0"
    assert space.detector(arch).num_classes == 3


def test_smnas_is_short_for_its_modular_space():
    space, arch = parse_arch("smnas:basicblock_64_1-21-21-12@128")
    assert format_arch(space, arch) == "smnas-modular:basicblock_64_1-21-21-12@128"


def test_a_misspelt_space_is_told_the_closest():
    with pytest.raises(
        UnknownSpaceError, match=r"did you mean crnas-resnet50\b.*known spaces: crnas"
    ):
        parse_arch("crnas-resnet_50:3-4-6-3")


@pytest.mark.parametrize("text", ["norm", "=3", "a b=3", ""])
def test_an_option_is_a_name_and_a_value(text):
    with pytest.raises(SearchSpaceError, match="NAME=VALUE"):
        parse_option(text)


def test_options_are_read_as_json_where_they_are():
    assert parse_option("blocks=[16, 33]") == ("blocks", (16, 33))
    assert parse_option("stages=3-4-6-3") == ("stages", "3-4-6-3")
    assert parse_option("branches=true") == ("branches", True)
    assert parse_option("structure=resnet50/P1-P5@256/rpn/2fc/800x600")[1].startswith("resnet50/")


@pytest.mark.parametrize("code", ["", "00", "detnas-nano:0000000000", "00-00-0000-04"])
def test_codes_that_the_space_does_not_hold_are_refused(code):
    with pytest.raises(ArchitectureError):
        parse_arch(f"detnas-nano:{code}")


def test_options_that_the_space_does_not_take_are_refused():
    with pytest.raises(
        SearchSpaceError, match=r"detnas-nano does not take these options: .*'tail'"
    ):
        parse_arch("detnas-nano:0000000000", tail=1)


def test_architectures_of_another_space_are_not_written():
    with pytest.raises(ArchitectureError):
        format_arch(make_space("detnas-nano"), Architecture("detnas-small", (0,) * 10))


@given(st.integers(1, 999_999), st.integers(1, 999_999))
def test_sizes_round_trip(height, width):
    assert parse_size(format_size((height, width))) == (height, width)


def test_sizes_are_width_by_height():
    assert parse_size("1333x800") == (800, 1333)
    assert format_size((800, 1333)) == "1333x800"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "800",
        "800x",
        "x600",
        "800X600",
        "800*600",
        "800 x 600",
        "800x600x3",
        "0x600",
        "-800x600",
        "+8x6",
        "080x60",
        "8e2x600",
        "800x600\n",
        "1000000x1",
        "٨x٦",
        "8_0x60",
    ],
)
def test_texts_that_are_no_size_are_refused(text):
    with pytest.raises(SizeError, match="is no size; write WIDTHxHEIGHT in pixels, each 1 to 9"):
        parse_size(text)


@pytest.mark.parametrize(
    "hw",
    [
        (),
        (600,),
        (600, 800, 3),
        (0, 1),
        (1, -1),
        (1.0, 2),
        (True, 2),
        (1_000_000, 1),
        ("600", "800"),
    ],
)
def test_pairs_that_are_no_size_are_refused(hw):
    with pytest.raises(SizeError, match=r"give \(height, width\) in pixels"):
        format_size(hw)
