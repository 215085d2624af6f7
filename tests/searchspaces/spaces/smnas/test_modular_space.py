import json
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from searchspaces import (
    Architecture,
    ArchitectureError,
    SearchSpaceError,
    make_space,
    parse_arch,
)
from searchspaces.conformance import SearchSpaceConformance
from searchspaces.parts import CODED_BLOCKS
from searchspaces.spaces import SmNasModularSpace
from searchspaces.spaces.smnas.code import CodeLimits

E0 = ("resnet18/P2-P5@128/rpn/2fc/512x512", "basicblock_64_1-21-21-12@128")
E3 = (
    "resnet50/P1-P5@128/rpn/cascade3/800x600",
    "bottleneck_56_211-111111111-2111111-11112111@128",
)
E4 = (
    "resnext50/P1-P5@256/garpn/cascade3/800x600",
    "Xbottleneck_56_21-21-111111111111111-2111111@256",
)
PUBLISHED = {
    "E0": E0,
    "E1": ("resnet18/P2-P5@256/rpn/2fc/800x600", "basicblock_48_12-21-11111-211111@256"),
    "E2": ("resnet18/P1-P5@128/rpn/cascade3/800x600", "basicblock_56_12-11111-211-1112@128"),
    "E3": E3,
    "E4": E4,
    "E5": ("resnext50/P1-P5@256/garpn/cascade3/1333x800", E4[1]),
}
C4 = "resnet18/c4/rpn/2fc/512x512"
TWO_STAGES = "resnet18/P1-P2@128/rpn/2fc/512x512"
SMALL = CodeLimits(bases=(48, 56), min_blocks=5, max_blocks=6)
SPACE = SmNasModularSpace()


class TestAllBlocks(SearchSpaceConformance):
    def make(self):
        return make_space("smnas-modular")


class TestOnE4(SearchSpaceConformance):
    round_trips = 1000

    def make(self):
        return make_space("smnas-modular", structure=E4[0], norm="gn_ws", input_hw=(96, 128))


class TestWithoutPyramid(SearchSpaceConformance):
    round_trips = 1000

    def make(self):
        return make_space("smnas-modular", structure=C4, num_classes=3, proposals=9)


class TestWithHiddenStages(SearchSpaceConformance):
    round_trips = 1000

    def make(self):
        return make_space("smnas-modular", structure=TWO_STAGES, input_hw=(64, 96))


class TestSmall(SearchSpaceConformance):
    round_trips = 1000

    def make(self):
        return make_space("smnas-modular", structure=E0[0], limits=SMALL, input_hw=(64, 64))


def test_sizes_are_exact():
    assert make_space("smnas-modular", structure=E0[0]).size == 207_417_404 * 4 * 3
    assert make_space("smnas-modular", structure=C4).size == 207_417_404 * 4
    assert SPACE.size == 207_417_404 * 4 * 3 * 4


def small_codes():
    """List a shrunken space by brute force over its texts."""
    for base, blocks, width in product((48, 56), (5, 6), (128, 256, 512)):
        for symbols in product("12-", repeat=blocks + 3):
            groups = "".join(symbols)
            parts = groups.split("-")
            if len(parts) == 4 and all(parts) and groups.count("2") == 3:
                yield f"basicblock_{base}_{groups}@{width}"


def test_a_shrunken_space_is_what_brute_force_lists():
    space = make_space("smnas-modular", structure=E0[0], limits=SMALL)
    codes = set(small_codes())
    assert space.size == len(codes)
    assert {space.encode(space.decode(code)) for code in codes} == codes


def test_samples_are_uniform():
    """Chi-square over all 1,440 codes of a shrunken space."""
    space, rng = (
        make_space("smnas-modular", structure=E0[0], limits=SMALL),
        np.random.default_rng(0),
    )
    draws = 20 * space.size
    counts = Counter(space.sample(rng) for _ in range(draws))
    assert len(counts) == space.size == 1440
    chi2 = sum((count - 20) ** 2 / 20 for count in counts.values())
    degrees = space.size - 1
    assert abs(chi2 - degrees) < 4 * np.sqrt(2 * degrees)


@pytest.mark.parametrize(("structure", "code"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_detectors_are_points_of_the_space(structure, code):
    space = make_space("smnas-modular", structure=structure)
    arch = space.decode(code)
    assert space.encode(arch) == code
    assert space.decode(code.partition("@")[0]) == arch
    assert space.canonical(arch) == arch


@pytest.mark.parametrize(
    ("model", "macs", "published", "within"),
    # Convolutions' multiply-adds of the backbone; the paper counts elementwise operations, too.
    [(E0, 7.12, 7.2, 0.04), (E3, 57.99, 59.2, 0.03), (E4, 71.65, None, None)],
)
def test_published_backbones_have_the_published_macs(model, macs, published, within):
    space = make_space("smnas-modular", structure=model[0])
    detector = space.detector(space.decode(model[1]))
    assert round(detector.macs()["backbone"] / 1e9, 2) == macs
    if published:
        counted = detector.macs(elementwise=True)["backbone"] / 1e9
        assert counted == pytest.approx(published, rel=within)


def test_the_structure_stays():
    space = make_space("smnas-modular", structure=E3[0])
    detector = space.detector(space.decode("bottleneck_56_1-21-21-12@512"))
    kinds = Counter(node.spec.kind for node in detector.graph().nodes)
    assert detector.input_hw == (600, 800)
    assert kinds["box_head"] == 3
    assert (detector.neck.channels, detector.head.fc_channels) == (512, 2048)
    assert (detector.neck.first, detector.neck.last, detector.neck.extra_levels) == (0, 3, 1)


def test_block_types_are_the_structures_unless_said_otherwise():
    assert SPACE.blocks == CODED_BLOCKS
    assert make_space("smnas-modular", structure=E3[0]).blocks == ("bottleneck",)
    assert make_space("smnas-modular", structure=E4[0]).blocks == ("Xbottleneck",)
    assert make_space("smnas-modular", structure=E3[0], block="MBblock").blocks == ("MBblock",)
    assert make_space("smnas-modular", block="MBblock").blocks == ("MBblock",)
    mobile = make_space("smnas-modular", structure="mobilenetv2/c4/none/retinanet/512x512")
    assert mobile.blocks == ("MBblock",)


@pytest.mark.parametrize("block", CODED_BLOCKS)
@pytest.mark.parametrize("structure", [E0[0], C4, "resnet18/P3-P6@512/none/retinanet/512x512"])
@pytest.mark.parametrize("norm", ["bn", "gn_ws"])
def test_every_block_is_wired_in_every_kind_of_structure(block, structure, norm):
    space = make_space(
        "smnas-modular",
        structure=structure,
        block=block,
        norm=norm,
        input_hw=(97, 65),
        num_classes=2,
    )
    detector = space.detector(space.decode(f"{block}_48_1-21-21-12"))
    graph = detector.graph(batch=2)
    assert detector.input_hw == (97, 65)
    assert graph.tensors[graph.outputs[0]].shape == (2, 100, 4)


def test_norms_change_over_and_back():
    space = make_space("smnas-modular", structure="resnet18/P2-P5@128/none/retinanet/512x512")
    other = space.with_norm("gn_ws")
    arch = space.decode("basicblock_64_1-21-21-12")
    before, after = space.detector(arch), other.detector(arch)
    assert (before.backbone.norm, before.neck.norm, before.head.norm) == ("bn", "none", "none")
    assert {after.backbone.norm, after.neck.norm, after.head.norm} == {"gn_ws"}
    assert before.macs() == after.macs()
    assert other.with_norm("bn") == space
    assert (space.size, space.encode(arch)) == (other.size, other.encode(arch))


def test_the_boxes_linear_layers_have_no_norm():
    space = make_space("smnas-modular", structure=E0[0], norm="gn_ws")
    assert space.detector(space.decode(E0[1])).head.norm == "none"


archs = st.integers(0, 2**32).map(lambda seed: SPACE.sample(np.random.default_rng(seed)))


@settings(max_examples=40)
@given(archs)
def test_neighbours_are_valid_other_and_mutual(arch):
    neighbours = SPACE.neighbours(arch)
    assert len(set(neighbours)) == len(neighbours)
    assert arch not in neighbours
    assert all(map(SPACE.is_valid, neighbours))
    for other in neighbours[:: max(1, len(neighbours) // 5)]:
        assert arch in SPACE.neighbours(other)


@settings(max_examples=60)
@given(archs, st.integers(0, 2**32))
def test_a_mutant_is_a_neighbour(arch, seed):
    assert SPACE.mutate(arch, np.random.default_rng(seed)) in SPACE.neighbours(arch)


def test_neighbours_of_e0_are_these():
    space = make_space("smnas-modular", structure=E0[0])
    found = {space.encode(other) for other in space.neighbours(space.decode(E0[1]))}
    widths = {"basicblock_56_1-21-21-12@128", "basicblock_72_1-21-21-12@128"}
    widths.add("basicblock_64_1-21-21-12@256")
    longer = {"11-21-21-12", "1-121-21-12", "1-211-21-12", "1-21-121-12", "1-21-211-12"}
    longer |= {"1-21-21-112", "1-21-21-121"}
    shorter = {"1-2-21-12", "1-21-2-12", "1-21-21-2"}
    turned = {"12-1-21-12", "1-12-21-12", "1-2-121-12", "1-212-1-12", "1-21-12-12", "1-21-2-112"}
    turned |= {"1-21-211-2", "1-21-21-21"}
    expected = {f"basicblock_64_{groups}@128" for groups in longer | shorter | turned}
    assert found == widths | expected


def test_every_kind_of_step_is_taken_about_as_often():
    rng = np.random.default_rng(0)
    arch = SPACE.decode("bottleneck_56_11-211-211-1211@256")
    kinds = Counter()
    for _ in range(600):
        block, base, *groups, width = SPACE.mutate(arch, rng).genes
        longer = len("".join(groups)) - 12
        kinds[(block != "bottleneck", base != 56, width != 256, longer)] += 1
    assert len(kinds) == 6
    assert all(count == pytest.approx(100, abs=40) for count in kinds.values())


def test_a_hidden_stage_is_neither_mutated_nor_told_apart():
    space = make_space("smnas-modular", structure=TWO_STAGES)
    a, b = (space.decode(f"basicblock_64_1-21-{end}") for end in ("21-12", "1-1212"))
    assert space.canonical(a) == space.canonical(b)
    assert space.detector(a).graph().key == space.detector(b).graph().key
    assert np.array_equal(space.features(a), space.features(b))
    assert all(space.canonical(other) != space.canonical(a) for other in space.neighbours(a))


@settings(max_examples=60)
@given(archs, archs, st.integers(0, 2**32))
def test_children_take_what_need_not_be_repaired_from_a_parent(a, b, seed):
    child = SPACE.crossover(a, b, np.random.default_rng(seed))
    assert SPACE.is_valid(child)
    for place in (0, 1, 6):
        assert child.genes[place] in {a.genes[place], b.genes[place]}
    lengths = zip(child.genes[2:6], a.genes[2:6], b.genes[2:6], strict=True)
    if len("".join(map(str, child.genes[2:6]))) not in (5, 35):
        assert all(len(own) in {len(x), len(y)} for own, x, y in lengths)


def test_a_child_of_equal_parents_is_that_parent():
    rng = np.random.default_rng(0)
    for _ in range(50):
        arch = SPACE.sample(rng)
        assert SPACE.crossover(arch, arch, rng) == arch


def on_e0(text):
    return make_space("smnas-modular", structure=E0[0]).decode(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("basicblock_64_1-21-21-12@200", "characters 26-28, '200': .*; use 128, 256 or 512"),
        ("basicblock_64_1-21-21-12@", "at character 26: no pyramid width here"),
        ("basicblock_64_1-21-21-12@128@", "characters 26-29, '128@': no pyramid width"),
        ("basicblock_64_1-21-23-12@128", "character 21, '3': no block"),
        ("bottleneck_64_1-21-21-12@128", "characters 1-10, 'bottleneck': .*; use basicblock"),
        ("resblock_64_1-21-21-12", "characters 1-8, 'resblock'"),
        ("basicblock_60_1-21-21-12", "characters 12-13, '60': .*; use 48, 56, 64 or 72"),
    ],
)
def test_malformed_codes_say_where_and_what(text, match):
    with pytest.raises(ArchitectureError, match=match):
        on_e0(text)


def test_without_pyramid_a_width_is_refused():
    space = make_space("smnas-modular", structure=C4)
    assert space.encode(space.decode("basicblock_64_1-21-21-12")) == "basicblock_64_1-21-21-12"
    with pytest.raises(ArchitectureError, match=r"characters 25-28, '@256': .* has no pyramid"):
        space.decode("basicblock_64_1-21-21-12@256")


@pytest.mark.parametrize(
    "genes",
    [
        ("basicblock", 64, "1", "21", "21", "12"),
        ("basicblock", 64, "1", "21", "21", "12", 200),
        ("basicblock", 60, "1", "21", "21", "12", 128),
        ("basicblock", "64", "1", "21", "21", "12", 128),
        ("bottleneck", 64, "1", "21", "21", "12", 128),
        ("basicblock", 64, "1", "21", "21", "11", 128),
        ("basicblock", 64, 1, "21", "21", "12", 128),
        ("basicblock", 64, "", "121", "21", "12", 128),
    ],
)
def test_genes_outside_the_space_are_refused(genes):
    space = make_space("smnas-modular", structure=E0[0])
    arch = Architecture(space.name, genes)
    assert not space.is_valid(arch)
    with pytest.raises(ArchitectureError, match=r"its genes are block type \(basicblock\), base"):
        space.detector(arch)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"structure": "resnet50"}, "has 1 fields instead of 5"),
        ({"structure": "resnet50/P5-P6@256/rpn/2fc/512x512"}, "P5 and P6 are made from P4"),
        ({"structure": 50}, "structure must be a code of smnas-structural such as 'resnet50/P1"),
        ({"block": "shuffle"}, "block 'shuffle' is not None, basicblock, .* or MBblock"),
        ({"norm": "ln"}, "norm 'ln' is not bn, gn or gn_ws"),
        ({"input_hw": (16, 16)}, "16x16 .* is too small"),
        ({"num_classes": 0}, "num_classes must be an int >= 1, got 0"),
        ({"input_hw": []}, "must be a tuple"),
        ({"proposals": 0}, "proposals must be an int >= 1"),
        ({"limits": {"max_blocks": 9}}, "limits must be a CodeLimits"),
        ({"head": "fpn"}, "does not take these options: 'head'; it takes structure, block"),
    ],
)
def test_options_that_do_not_exist_are_refused(options, match):
    with pytest.raises(SearchSpaceError, match=match):
        make_space("smnas-modular", **options)


def test_options_may_come_from_json():
    options = json.loads(json.dumps({"input_hw": (64, 96), "structure": E0[0]}))
    space = make_space("smnas-modular", **options)
    assert space == SmNasModularSpace(input_hw=(64, 96), structure=E0[0])
    assert hash(space)


def test_the_short_name_is_the_modular_space():
    space, arch = parse_arch("smnas:MBblock_64_1-21-21-12")
    assert space == SPACE
    assert space.encode(arch) == "MBblock_64_1-21-21-12@256"
