import pytest

from searchspaces import ArchitectureError
from searchspaces.spaces.smnas.structure import (
    BACKBONES,
    BLOCK_OF,
    NECKS,
    RANGES,
    SCHEMES,
    SIZES,
    Structure,
)


def test_fields_have_as_many_values_as_the_paper_and_the_record_say():
    assert len(BACKBONES) == len(BLOCK_OF) == 7
    assert len(RANGES) == 14
    assert len(NECKS) == 1 + 14 * 3
    assert len(SCHEMES) == 2 * 4 + 1
    assert len(SIZES) == 4


def test_ranges_are_all_that_begin_at_a_level_of_the_backbone():
    every = {(a, b) for a in range(-2, 9) for b in range(-2, 9)}
    assert set(RANGES) == {(a, b) for a, b in every if 1 <= a <= 4 and a < b <= 6}


@pytest.mark.parametrize(
    ("text", "stages", "on_image"),
    [
        ("resnet50/c4/rpn/2fc/512x512", 4, 3),
        ("resnet50/c4/none/retinanet/512x512", 3, 3),
        ("resnet50/P1-P2@128/rpn/2fc/512x512", 2, 2),
        ("resnet50/P2-P3@128/rpn/2fc/512x512", 3, 3),
        ("resnet50/P2-P6@128/rpn/2fc/512x512", 4, 4),
    ],
)
def test_stages_that_run(text, stages, on_image):
    structure = Structure.parse(text)
    assert str(structure) == text
    assert (structure.stages, structure.stages_on_image) == (stages, on_image)


R = "resnet50"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "has 1 fields instead of 5; write BACKBONE/NECK/RPN/HEAD/WIDTHxHEIGHT as in"),
        (f"{R}/c4/rpn/2fc", "has 4 fields instead of 5"),
        (f"{R}/c4/rpn/2fc/512x512/", "has 6 fields instead of 5"),
        ("vgg16/c4/rpn/2fc/512x512", "backbone 'vgg16' is not resnet18, .* or mobilenetv2"),
        (f"{R}/c4/rcnn/2fc/512x512", "rpn 'rcnn' is not none, rpn or garpn"),
        (f"{R}/c4/rpn/3fc/512x512", "head '3fc' is not 2fc, retinanet, cascade2, .* or cascade4"),
        (f"{R}/c4/rpn/2fc/600x800", "'600x800' is not 512x512, 800x600, 1080x720 or 1333x800"),
        (f"{R}/c5/rpn/2fc/512x512", "neck 'c5' is neither c4 nor a range of levels"),
        (f"{R}/P02-P5@256/rpn/2fc/512x512", "neck 'P02-P5@256' is neither c4 nor a range"),
        (f"{R}/P2-P5@256\n/rpn/2fc/512x512", "is neither c4 nor a range"),
        (f"{R}/P4-P2@512/rpn/2fc/512x512", "P4 is coarser than P2.*; P2-P4@512 would be valid"),
        (f"{R}/P6-P5@128/rpn/2fc/512x512", "P6 is coarser than P5.*; P4-P6@128 would be valid"),
        (f"{R}/P5-P6@256/rpn/2fc/512x512", "P5 and P6 are made from P4.*; P4-P6@256 would be"),
        (f"{R}/P0-P3@256/rpn/2fc/512x512", r"there is no P0: levels are P1 \(stride 4\) to P6"),
        (f"{R}/P3-P0@256/rpn/2fc/512x512", "there is no P0: .*; P1-P3@256 would be valid"),
        (f"{R}/P2-P7@256/rpn/2fc/512x512", "there is no P7: .*; P2-P6@256 would be valid"),
        pytest.param(f"{R}/P2-P{'9' * 5000}@256/rpn/2fc/512x512", "a range of", id="huge"),
        (f"{R}/P3-P3@256/rpn/2fc/512x512", "a pyramid has at least two levels; P2-P3@256 would"),
        (f"{R}/P2-P5/rpn/2fc/512x512", "must be 128, 256 or 512, got ''; P2-P5@256 would"),
        (f"{R}/P2-P5@200/rpn/2fc/512x512", "must be 128, 256 or 512, got '200'; P2-P5@256 would"),
        (f"{R}/c4/rpn/retinanet/512x512", "takes no RPN, got rpn 'rpn'; write none/retinanet, or"),
        (f"{R}/c4/garpn/retinanet/512x512", "got rpn 'garpn'; .* or garpn/ with 2fc, cascade2"),
        (f"{R}/c4/none/cascade3/512x512", "needs proposals, got rpn 'none'; write rpn/cascade3"),
    ],
)
def test_structures_that_do_not_exist_are_explained(text, match):
    with pytest.raises(ArchitectureError, match=match):
        Structure.parse(text)


@pytest.mark.parametrize("low", range(-1, 10))
@pytest.mark.parametrize("high", range(-1, 10))
def test_the_neck_that_an_error_proposes_exists(low, high):
    text = f"resnet18/P{low}-P{high}/rpn/2fc/512x512"
    with pytest.raises(ArchitectureError) as caught:
        Structure.parse(text)
    if min(low, high) >= 0:
        proposed = str(caught.value).rpartition("; ")[2].partition(" ")[0]
        assert Structure.parse(f"resnet18/{proposed}/rpn/2fc/512x512").pyramid
