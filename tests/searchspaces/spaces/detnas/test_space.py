import json
from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
from torch import nn

from searchspaces import (
    SHUFFLE_OPS,
    SPACES,
    Architecture,
    ArchitectureError,
    SearchSpaceError,
    UnknownSpaceError,
    make_space,
)
from searchspaces.conformance import SearchSpaceConformance
from searchspaces.spaces import DetNasSpace
from tests.searchspaces.reference_layers import ShuffleBlock, Stem, observe

FPN_300M = "2120-2112-33130031-3132"
RETINANET_300M = "2311-3213-31113320-3333"
NET_CODE = (  # DetNASNet 1.3G and 3.8G
    *(0, 0, 3, 1, 2, 1, 0, 2),
    *(0, 3, 1, 2, 3, 3, 2, 0),
    *(2, 1, 1, 3, 2, 0, 2, 2, 2, 1, 3, 1, 0, 3, 3, 3),
    *(1, 3, 3, 3, 3, 3, 3, 3),
)
WIDTHS = {  # DetNAS, table 1: stem, stages; blocks per stage; 3.8G as released
    "detnas-large": ((48, 96, 240, 480, 960), (8, 8, 16, 8)),
    "detnas-large-1.8x": ((72, 172, 432, 864, 1728), (8, 8, 16, 8)),
    "detnas-small": ((16, 64, 160, 320, 640), (4, 4, 8, 4)),
}


class TestLargeFpn(SearchSpaceConformance):
    def make(self):
        return make_space("detnas-large")


class TestWideFpn(SearchSpaceConformance):
    round_trips = 1000

    def make(self):
        return make_space("detnas-large-1.8x")


class TestSmallRetinaNet(SearchSpaceConformance):
    def make(self):
        return make_space("detnas-small", head="retinanet", input_hw=(333, 500), num_classes=1)


class TestNanoFpn(SearchSpaceConformance):
    def make(self):
        return make_space("detnas-nano", shuffle="interleave")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("detnas-large", 4**40),
        ("detnas-large-1.8x", 4**40),
        ("detnas-small", 4**20),
        ("detnas-nano", 4**10),
    ],
)
def test_sizes_are_exact(name, size):
    assert make_space(name).size == size


def test_small_and_large_are_as_large_as_the_paper_says():
    assert f"{make_space('detnas-large').size:.1e}" == "1.2e+24"
    assert f"{make_space('detnas-small').size:.1e}" == "1.1e+12"


def torch_backbone(name, genes):
    widths, blocks = WIDTHS[name]
    layers, ops = [Stem(3, widths[0], 3, 2, 1)], iter(genes)
    for (c_in, c_out), count in zip(pairwise(widths), blocks, strict=True):
        for index in range(count):
            op, kernel = SHUFFLE_OPS[next(ops)]
            stride, given = (1, c_out) if index else (2, c_in)
            layers.append(ShuffleBlock(op, kernel, given, c_out // 2, c_out, stride))
    return nn.Sequential(*layers)


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize("hw", [(224, 224), (333, 500), (800, 1333)])
def test_backbone_counts_as_torch_does(name, hw):
    space = make_space(name, input_hw=hw)
    arch = space.sample(np.random.default_rng(hw[0]))
    _, cost = observe(lambda: torch_backbone(name, arch.genes), [(1, 3, *hw)])
    detector = space.detector(arch)
    assert detector.macs()["backbone"] == cost.macs
    assert detector.macs(elementwise=True)["backbone"] == cost.macs + cost.elementwise
    nodes = [n.spec for n in detector.graph().nodes if n.part == "backbone"]
    assert len(nodes) == 1 + len(arch.genes)


def test_released_300m_network_has_the_published_macs():
    space = make_space("detnas-small", input_hw=(224, 224))
    macs = space.detector(space.decode(FPN_300M)).macs()["backbone"]
    assert round(macs / 1e6, 1) == 288.1


@pytest.mark.parametrize(
    ("name", "label", "macs"),
    # The 3.8G network's released, hand-rounded widths make 3.94G.
    [("detnas-large", 1.3e9, 1_269_181_536), ("detnas-large-1.8x", 3.8e9, 3_937_832_864)],
)
def test_the_released_large_code_has_about_the_published_macs(name, label, macs):
    space = make_space(name, input_hw=(224, 224))
    arch = space.decode("".join(map(str, NET_CODE)))
    assert space.detector(arch).macs()["backbone"] == macs == pytest.approx(label, rel=0.04)


def test_released_networks_are_points_of_the_space():
    space = make_space("detnas-small")
    for code in (FPN_300M, RETINANET_300M):
        assert space.encode(space.decode(code)) == code
        assert space.decode(code.replace("-", "")) == space.decode(code)


def test_mutation_changes_about_a_tenth_and_at_least_one_gene():
    space, rng = make_space("detnas-large"), np.random.default_rng(0)
    arch = space.sample(rng)
    changed = [
        sum(a != b for a, b in zip(arch.genes, space.mutate(arch, rng).genes, strict=True))
        for _ in range(2000)
    ]
    assert min(changed) >= 1
    # One gene for certain, each of the other 39 with probability 0.1: mean 4.9, deviation 1.87.
    assert np.mean(changed) == pytest.approx(4.9, abs=4 * 1.87 / np.sqrt(2000))


def test_mutation_reaches_every_other_choice():
    space, rng = make_space("detnas-nano"), np.random.default_rng(0)
    arch = Architecture("detnas-nano", (1,) * 10)
    seen = {(i, g) for _ in range(1000) for i, g in enumerate(space.mutate(arch, rng).genes)}
    assert seen == {(i, g) for i in range(10) for g in range(4)}


def test_samples_are_uniform():
    space, rng = make_space("detnas-nano"), np.random.default_rng(0)
    genes = np.array([space.sample(rng).genes for _ in range(4000)])
    frequencies = np.stack([(genes == choice).mean(0) for choice in range(4)])
    assert np.abs(frequencies - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 4000)


def test_children_take_every_gene_from_a_parent():
    space, rng = make_space("detnas-small"), np.random.default_rng(0)
    zeros, threes = (Architecture("detnas-small", (g,) * 20) for g in (0, 3))
    taken = np.array([space.crossover(zeros, threes, rng).genes for _ in range(1000)])
    assert set(np.unique(taken)) == {0, 3}
    assert np.abs((taken == 0).mean(0) - 0.5).max() < 5 * np.sqrt(0.25 / 1000)
    assert space.crossover(zeros, zeros, rng) == zeros


def test_uniform_architectures_cover():
    assert [set(arch.genes) for arch in make_space("detnas-nano").covering()] == [
        {0},
        {1},
        {2},
        {3},
    ]


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
def test_tokens_tell_first_blocks_from_the_others(head):
    space = make_space("detnas-nano", head=head)
    arch = space.decode("01-23-0000-11")
    tokens, nodes = space.node_tokens(arch), space.detector(arch).graph().nodes
    assert len(tokens) == len(nodes)
    of = {node.name: token for token, node in zip(tokens, nodes, strict=True)}
    assert of["backbone_s3_b1"] == of["backbone_s3_b2"] == of["backbone_s3_b3"]
    assert len(set(tokens)) == len(tokens) - 2
    with pytest.raises(ArchitectureError):
        space.node_tokens(Architecture("detnas-nano", (4,) * 10))


def test_features_mark_the_choice_at_every_position():
    space = make_space("detnas-nano")
    rows = space.features(space.decode("01-23-0000-00")).reshape(10, 4)
    assert np.array_equal(rows.argmax(1), [0, 1, 2, 3, 0, 0, 0, 0, 0, 0])
    assert np.array_equal(rows.sum(1), np.ones(10))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("2140-2112-33130031-3132", "character 3, '4', is no choice id; use 0 .3x3."),
        ("2120-2112-3313003a-3132", "character 18, 'a', is no choice id"),
        ("2120 2112 33130031 3132", "character 5, ' ', is no choice id"),
        ("²120-2112-33130031-3132", "character 1, '²', is no choice id"),
        ("2120-211-33130031-3132", "stage 2 has 3 blocks instead of 4; detnas-small has 4-4-8-4"),
        ("2120-2112-33130031-31322", "stage 4 has 5 blocks instead of 4"),
        ("2120-2112-3313-0031-3132", "it has 5 stages of 4-4-4-4-4 blocks"),
        ("-2120-2112-33130031-3132", "it has 5 stages of 0-4-4-8-4 blocks"),
        ("212021123313003131322", "it has 21 blocks instead of 20; detnas-small has"),
        ("", "it has 0 blocks instead of 20; .* as in '0000-0000-00000000-0000'"),
    ],
)
def test_malformed_codes_say_where_and_what(text, match):
    with pytest.raises(ArchitectureError, match=match):
        make_space("detnas-small").decode(text)


@pytest.mark.parametrize("genes", [(0,) * 19, (0,) * 21, (4,) * 20, (-1,) * 20, ("0",) * 20])
def test_genes_outside_the_space_are_refused(genes):
    space, arch = make_space("detnas-small"), Architecture("detnas-small", genes)
    assert not space.is_valid(arch)
    with pytest.raises(ArchitectureError, match=r"it needs 20 genes out of 0\.\.3"):
        space.detector(arch)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"head": "yolo"}, "head 'yolo' is not one of fpn, retinanet"),
        ({"shuffle": "random"}, "shuffle 'random' is not one of interleave, even_odd"),
        ({"input_hw": (16, 16)}, "16x16 .* is too small"),
        ({"input_hw": "800x600"}, "must be a tuple"),
        ({"num_classes": 0}, "num_classes must be an int >= 1, got 0"),
        ({"num_classes": "80"}, "num_classes must be an int >= 1, got '80'"),
        ({"depth": 3}, "detnas-nano does not take these options: .*'depth'"),
    ],
)
def test_options_that_do_not_exist_are_refused(options, match):
    with pytest.raises(SearchSpaceError, match=match):
        make_space("detnas-nano", **options)


def test_names_that_do_not_exist_are_refused():
    with pytest.raises(
        UnknownSpaceError,
        match=r"unknown space 'detnas'; did you mean detnas-.*\? known spaces: .*, detnas-large,",
    ):
        make_space("detnas")
    with pytest.raises(SearchSpaceError, match="'detnas' is no DetNAS layout; known: detnas-la"):
        DetNasSpace("detnas")


@pytest.mark.parametrize("name", [name for name in SPACES if name.startswith("detnas-")])
@pytest.mark.parametrize("head", ["fpn", "retinanet"])
@pytest.mark.parametrize("hw", [(32, 32), (333, 500), (800, 1333), (1333, 800), (257, 65)])
@pytest.mark.parametrize("classes", [1, 80])
def test_every_detector_is_wired_at_odd_sizes(name, head, hw, classes):
    space = make_space(name, head=head, input_hw=hw, num_classes=classes)
    arch = space.sample(np.random.default_rng(1))
    detector = space.detector(arch)
    assert detector.input_hw == hw
    assert detector.graph(batch=2).tensors["image"].shape == (2, 3, *hw)


def test_own_input_size_is_the_layouts():
    space = make_space("detnas-small")
    assert space.detector(space.decode(FPN_300M)).input_hw == (800, 1088)
    assert space.input_hw is None


def test_the_shuffle_variant_reaches_the_blocks():
    even_odd, interleave = (
        make_space("detnas-nano", shuffle=s) for s in ("even_odd", "interleave")
    )
    arch = even_odd.sample(np.random.default_rng(0))
    a, b = even_odd.detector(arch).graph(), interleave.detector(arch).graph()
    blocks = [(x.spec, y.spec) for x, y in zip(a.nodes, b.nodes, strict=True)]
    differ = [x != y for x, y in blocks]
    assert differ == [x.kind == "shuffle_block" for x, _ in blocks]


def test_options_may_come_from_json():
    options = json.loads(json.dumps({"input_hw": (64, 96), "head": "retinanet"}))
    space = make_space("detnas-nano", **options)
    assert space == make_space("detnas-nano", input_hw=(64, 96), head="retinanet")
    assert hash(space)


def test_spaces_are_values():
    assert make_space("detnas-nano") == make_space("detnas-nano")
    assert hash(make_space("detnas-nano")) == hash(make_space("detnas-nano"))
    with pytest.raises(FrozenInstanceError):
        make_space("detnas-nano").head = "retinanet"


def test_proposals_are_what_the_second_stage_takes():
    space = make_space("detnas-nano", proposals=37)
    arch = space.decode("0000000000")
    keys = [spec.key for spec, _ in space.detector(arch).modules() if spec.kind == "box_head"]
    assert keys[0].partition("@")[2] == "37x48x7x7/fp32/b1"
    own = make_space("detnas-nano", proposals=None)
    assert own.detector(arch) == make_space("detnas-nano", proposals=100).detector(arch)


@pytest.mark.parametrize(
    "options", [{"proposals": 0}, {"proposals": -1}, {"head": "retinanet", "proposals": 100}]
)
def test_impossible_proposals_are_refused(options):
    with pytest.raises(SearchSpaceError):
        make_space("detnas-nano", **options)


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
def test_another_normalisation_of_the_same_architectures(head):
    space = make_space("detnas-nano", head=head, norm="gn_ws")
    arch = space.decode("0123012301")
    detector, plain = space.detector(arch), space.with_norm("bn").detector(arch)
    assert plain == make_space("detnas-nano", head=head).detector(arch)
    assert detector.macs() == plain.macs()
    norms = {dict(spec.params).get("norm") for spec, _ in detector.modules()}
    assert "bn" not in norms
    assert "gn_ws" in norms
    with pytest.raises(SearchSpaceError, match="norm 'ln' is not one of bn, gn, gn_ws"):
        make_space("detnas-nano", norm="ln")
