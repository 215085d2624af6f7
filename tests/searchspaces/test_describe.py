import json

import pytest

from searchspaces import (
    SPACES,
    ArchitectureError,
    ModuleSpec,
    TensorSpec,
    UnknownSpaceError,
    describe_detector,
    describe_spaces,
    describe_variant,
    make_space,
)


def test_spaces_are_described_exactly():
    rows = describe_spaces()
    assert [row["name"] for row in rows] == list(SPACES)
    assert {row["name"]: row["size"] for row in rows}["detnas-large"] == 4**40
    assert json.loads(json.dumps(rows)) == rows


def test_one_space_can_be_asked_for():
    (row,) = describe_spaces("detnas-nano")
    assert (row["positions"], row["choices_per_position"]) == (10, [4])
    assert row["options"][:2] == ["head", "input_hw"]
    assert "norm" in row["options"]
    (row,) = describe_spaces("smnas")
    assert (row["name"], row["positions"]) == ("smnas-modular", None)  # genes of several kinds
    for name in ("resnas", ""):
        with pytest.raises(UnknownSpaceError):
            describe_spaces(name)


def test_every_space_says_what_may_be_chosen():
    choices = {row["name"]: row["choices"] for row in describe_spaces()}
    assert all(all(values) for name, values in choices.items() if name != "zoo")
    structural = choices["smnas-structural"]
    assert [len(values) for values in structural.values()] == [7, 43, 9, 4]
    assert choices["smnas-modular"]["base channels"] == [48, 56, 64, 72]
    assert choices["detnas-small"] == {"block": ["3x3", "5x5", "7x7", "xception"]}
    assert choices["crnas-resnet50-operations"] == {"dilation": [1, 2, 3]}
    mobile = choices["crnas-mobilenetv2"]
    assert list(mobile) == [*(f"blocks of stage {i}" for i in range(3, 8)), "dilation"]
    assert mobile["blocks of stage 5"] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("elementwise", [False, True])
def test_the_modules_of_a_detector_add_up(elementwise):
    space = make_space("detnas-nano", input_hw=(96, 128), num_classes=3)
    arch = space.decode("01-23-0000-11")
    fields = describe_detector(space, arch, elementwise=elementwise)
    assert fields["arch"] == "detnas-nano:01-23-0000-11"
    assert fields["input_hw"] == [96, 128]
    assert fields["macs"] == space.detector(arch).macs(elementwise=elementwise)
    assert fields["params"] == space.detector(arch).params()
    assert sum(row["macs"] for row in fields["modules"]) == fields["macs"]["total"]
    assert sum(row["count"] for row in fields["modules"]) == 17
    assert json.loads(json.dumps(fields)) == fields


def test_architectures_of_another_space_are_refused():
    nano, small = make_space("detnas-nano"), make_space("detnas-small")
    with pytest.raises(ArchitectureError):
        describe_detector(nano, small.decode("0" * 20))


def test_modules_say_where_they_run_and_on_what():
    space = make_space("detnas-nano", input_hw=(96, 128))
    rows = describe_detector(space, space.decode("01-23-0000-11"))["modules"]
    stem, fpn = rows[0], next(row for row in rows if row["kind"] == "fpn")
    assert (stem["part"], stem["inputs"], stem["variant"]) == (
        "backbone",
        ["1x3x96x128"],
        "3x3 /2",
    )
    assert fpn["part"] == "neck"
    assert fpn["inputs"] == ["1x64x24x32", "1x128x12x16", "1x256x6x8", "1x512x3x4"]
    assert {row["part"] for row in rows} == {"backbone", "neck", "rpn", "head"}


@pytest.mark.parametrize(
    ("params", "variant"),
    [
        ({}, ""),
        ({"kernel": 7}, "7x7"),
        ({"op": "xception", "kernel": 3, "stride": 2}, "xception 3x3 /2"),
        ({"channels": 8}, ""),
    ],
)
def test_variants(params, variant):
    spec = ModuleSpec.of("conv", [TensorSpec((1, 3, 8, 8))], **params)
    assert describe_variant(spec) == variant
