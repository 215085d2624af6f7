"""The three kinds of spaces: contract, published networks and their costs."""

import json
from collections import Counter
from math import prod

import numpy as np
import pytest

from searchspaces import (
    SPACES,
    Architecture,
    ArchitectureError,
    CostCounter,
    SearchSpaceError,
    distinct_modules,
    make_space,
)
from searchspaces.conformance import SearchSpaceConformance
from searchspaces.spaces.crnas import SERIES, CrNasSpace

NAMES = [name for name in SPACES if name.startswith("crnas-")]
R101 = "000000101000200010101011001012011"
PUBLISHED = [  # CR-NAS, published codes
    ("crnas-resnet18", "1-1-2-4/00101021"),
    ("crnas-resnet50", "1-3-5-7/0010001200102112"),
    ("crnas-resnet101", f"2-3-17-11/{R101}"),
    ("crnas-mobilenetv2", "1-1-2-2-3-4-4-1-1-1/01010201100110110200"),
    ("crnas-resnext50-stages", "2-2-6-6"),
    ("crnas-resnext101-stages", "3-4-15-11"),
    ("crnas-resnext101", "3-4-15-11/" + "0" * 33),
]
BASELINES = {
    "resnet18": "2-2-2-2",
    "resnet50": "3-4-6-3",
    "resnet101": "3-4-23-3",
    "resnext50": "3-4-6-3",
    "resnext101": "3-4-23-3",
    "mobilenetv2": "1-1-2-3-4-3-3-1-1-1",
}


class TestEverySpace(SearchSpaceConformance):
    draws = 100
    detectors = 3

    @pytest.fixture(params=NAMES, autouse=True)
    def _choose(self, request):
        self.name = request.param

    def make(self):
        return make_space(self.name, input_hw=(64, 96))


class TestWithOptions(SearchSpaceConformance):
    draws = 100
    round_trips = 500

    @pytest.fixture(
        params=[
            ("crnas-resnet50", {"head": "cascade", "branches": True, "blocks": 8}),
            ("crnas-resnet18-stages", {"head": "retinanet", "branches": False, "blocks": 16}),
            ("crnas-resnet50", {"blocks": 6, "base_channels": 16}),
            ("crnas-resnet50", {"blocks": (6, 8, 16)}),
            ("crnas-resnext50-operations", {"head": "nas-fpn", "stages": "1-1-1-1"}),
            ("crnas-mobilenetv2", {"head": "nas-fpn", "proposals": 50}),
            ("crnas-resnet18", {"head": "cascade-mask", "norm": "gn_ws"}),
        ],
        ids=lambda param: param[0],
        autouse=True,
    )
    def _choose(self, request):
        self.name, self.options = request.param

    def make(self):
        return make_space(self.name, input_hw=(64, 96), num_classes=3, **self.options)


def test_there_are_three_spaces_of_every_series():
    assert len(NAMES) == 18
    assert {make_space(name).name for name in NAMES} == set(NAMES)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("crnas-resnet18", 9 * 3**8),
        ("crnas-resnet50", 153 * 3**16),
        ("crnas-resnet101", 374 * 3**33),
        ("crnas-resnext50", 153 * 3**16),
        ("crnas-resnext101", 375 * 3**33),
        ("crnas-resnet50-stages", 153),
        ("crnas-resnext101-stages", 375),
        ("crnas-mobilenetv2-stages", 43),
        ("crnas-resnet50-operations", 3**16),
        ("crnas-mobilenetv2-operations", 3**17),
    ],
)
def test_sizes_are_exact(name, size):
    assert make_space(name).size == size


def test_the_size_of_mobilenet_adds_up_over_its_stage_codes():
    codes = [arch.genes for arch in make_space("crnas-mobilenetv2-stages").enumerate()]
    assert make_space("crnas-mobilenetv2").size == sum(3 ** (sum(code) + 2) for code in codes)


def test_small_spaces_are_counted_by_listing_them():
    space = make_space("crnas-resnet18", blocks=7)
    codes = [arch.genes for arch in make_space("crnas-resnet18-stages", blocks=7).enumerate()]
    assert set(codes) == {(2, 1, 2, 2), (1, 2, 2, 2), (1, 1, 3, 2), (1, 1, 2, 3)}
    rng = np.random.default_rng(0)
    seen = {space.sample(rng).genes for _ in range(100_000)}
    assert len(seen) == space.size == 4 * 3**7


def test_several_budgets_make_one_space():
    space = make_space("crnas-resnet18-stages", blocks=[8, 16])
    assert space.size == 9 + 153
    assert {sum(arch.genes) for arch in space.enumerate()} == {8, 16}
    both = make_space("crnas-resnet50", blocks=[8, 16])
    assert both.size == 9 * 3**8 + 153 * 3**16
    assert both.decode("2-2-2-2/00000000").genes == (2, 2, 2, 2, *(0,) * 8)


def test_eligible_codes_are_counted_per_published_network():
    assert make_space("crnas-resnet50").eligible_codes == {"8": 9, "16": 153, "33": 374}
    assert make_space("crnas-resnet18-stages").eligible_codes["16"] == 153
    resnext = make_space("crnas-resnext101-stages")
    assert (resnext.eligible_codes["33"], resnext.declared_codes["33"]) == (375, 374)
    assert make_space("crnas-mobilenetv2").eligible_codes == {"16": 43}


@pytest.mark.parametrize(("name", "code"), PUBLISHED)
def test_published_networks_are_points_of_their_space(name, code):
    space = make_space(name)
    arch = space.decode(code)
    assert space.is_valid(arch)
    assert space.encode(arch) == code
    assert space.detector(arch).macs()["total"] > 0


@pytest.mark.parametrize(("series", "code"), BASELINES.items())
def test_baselines_are_eligible(series, code):
    space = make_space(f"crnas-{series}-stages")
    assert space.encode(space.decode(code)) == code


@pytest.mark.parametrize("series", SERIES)
def test_the_published_stage_code_is_the_default_of_the_operation_level(series):
    operations, both = make_space(f"crnas-{series}-operations"), make_space(f"crnas-{series}")
    rng = np.random.default_rng(0)
    arch = operations.sample(rng)
    code = f"{SERIES[series].stages}/{operations.encode(arch)}"
    assert both.detector(both.decode(code)) == operations.detector(arch)


@pytest.mark.parametrize(
    ("code", "published"),
    [("3-4-6-3/" + "0" * 16, 192.5e9), ("1-3-5-7/0010001200102112", 192.7e9)],
)
def test_whole_detectors_cost_what_the_paper_says(code, published):
    space = make_space("crnas-resnet50", proposals=2000)
    macs = space.detector(space.decode(code)).macs(elementwise=True)
    assert macs["total"] == pytest.approx(published, rel=0.01)


def test_dilations_are_free_and_stages_of_equal_blocks_nearly():
    space, rng = make_space("crnas-resnet50"), np.random.default_rng(0)
    counts = CostCounter(space).count([space.sample(rng) for _ in range(200)])
    stages = make_space("crnas-resnet50-stages")
    of_stages = CostCounter(stages).count(stages.enumerate())
    assert set(counts.macs[:, 0]) <= set(of_stages.macs[:, 0])
    assert of_stages.macs[:, 0].max() < 1.05 * of_stages.macs[:, 0].min()


def test_digits_are_dilations_of_the_blocks_in_order():
    space = make_space("crnas-resnet50", input_hw=(64, 96))
    graph = space.detector(space.decode("1-3-5-7/0010001200102112")).graph()
    blocks = [n for n in graph.nodes if n.spec.kind == "bottleneck"]
    rates = [node.spec.get_int("dilation") for node in blocks]
    assert "".join(str(rate - 1) for rate in rates) == "0010001200102112"
    assert [n.name for n in blocks[:5]] == [
        "backbone_s1_b0",
        "backbone_s2_b0",
        "backbone_s2_b1",
        "backbone_s2_b2",
        "backbone_s3_b0",
    ]


def test_stage_spaces_name_a_branch_per_count():
    for branches, name in ((True, "backbone_s2_n3_b1"), (False, "backbone_s2_b1")):
        space = make_space("crnas-resnet50-stages", input_hw=(64, 96), branches=branches)
        names = {node.name for node in space.detector(space.decode("1-3-5-7")).graph().nodes}
        assert name in names


def test_samples_of_both_levels_are_uniform():
    """Stage codes of MobileNetV2 have different numbers of dilations."""
    space, rng, draws = make_space("crnas-mobilenetv2"), np.random.default_rng(0), 20_000
    seen = Counter(space.sample(rng).genes[:5] for _ in range(draws))
    for arch in make_space("crnas-mobilenetv2-stages").enumerate():
        p = 3 ** (sum(arch.genes) + 2) / space.size
        assert abs(seen[arch.genes] - draws * p) <= 5 * np.sqrt(draws * p) + 1


def test_mutants_change_one_level_at_a_time():
    space, rng = make_space("crnas-resnet50"), np.random.default_rng(0)
    arch = space.decode("1-3-5-7/0010001200102112")
    mutants = [space.mutate(arch, rng) for _ in range(1000)]
    moved = [m for m in mutants if m.genes[:4] != arch.genes[:4]]
    assert 400 < len(moved) < 600
    assert all(Counter(m.genes[4:]) == Counter(arch.genes[4:]) for m in moved)


def test_features_have_one_length_for_all_depths():
    space = make_space("crnas-resnet50")
    row = space.features(space.decode("1-3-5-7/0010001200102112"))
    assert row.shape == (4 + 4 * 4 * 3,)
    assert row[:4] == pytest.approx([1 / 10, 3 / 10, 5 / 23, 7 / 17])
    assert row[4:].sum() == pytest.approx(4 * 4)
    mobilenet = make_space("crnas-mobilenetv2")
    row = mobilenet.features(mobilenet.sample(np.random.default_rng(0)))
    assert row.shape == (5 + (1 + 5 * 4 + 1) * 3,)


@pytest.mark.parametrize("name", ["crnas-resnet50", "crnas-mobilenetv2", "crnas-resnext50-stages"])
def test_distinct_modules_are_found_exactly(name):
    space = make_space(name, input_hw=(64, 96))
    modules, covering = distinct_modules(space)
    assert all(map(space.is_valid, covering))
    rng = np.random.default_rng(1)
    for _ in range(50):
        assert {spec for spec, _ in space.detector(space.sample(rng)).modules()} <= set(modules)


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("crnas-resnet50", "1-3-5-7", "no '/' between stage code and operation code; .* '1-1-3-"),
        ("crnas-resnet50", "1-3-5-7/001", "has 3 digits; stage code 1-3-5-7 needs 16, one per"),
        ("crnas-resnet50", "1-3-5-8/0010001200102112", "17 blocks instead of 16; the nearest"),
        ("crnas-resnet50", "1-3-5-7/0010001200102113", "character 24, '3', is no dilation"),
        ("crnas-resnet50", "1-3-5-7/00100012/0102112", "character 17, '/', is no dilation"),
        ("crnas-resnet50", "3-5-7/0010001200102112", "it has 3 stages instead of 4"),
        ("crnas-resnet50-stages", "1-3-5-7/0010001200102112", "character 8, '/', stands in no"),
        ("crnas-resnet50-operations", "1-3-5-7/0010001200102112", "character 2, '-', is no dil"),
    ],
)
def test_malformed_codes_say_where_and_what(name, text, match):
    with pytest.raises(ArchitectureError, match=match):
        make_space(name).decode(text)


@pytest.mark.parametrize(
    ("name", "genes", "match"),
    [
        ("crnas-resnet50-stages", (1, 3, 5, 8), r"an eligible stage code, as in \(1, 1, 3, 11\)"),
        ("crnas-resnet50-stages", ("1", "3", "5", "7"), "eligible stage code"),
        ("crnas-resnet18-operations", (0,) * 7, "it needs 8 genes out of 0, 1 and 2"),
        ("crnas-resnet18-operations", (3,) * 8, "it needs 8 genes out of 0, 1 and 2"),
        ("crnas-resnet18", (1, 1, 2, 4, *(0,) * 7), "one of 0, 1 and 2 per block, as in 1-1-2-4/"),
        ("crnas-resnet18", (1, 1, 2, 4, *(0,) * 7, 3), "one of 0, 1 and 2 per block"),
        ("crnas-resnet18", (1, 1, 2, 5, *(0,) * 9), "an eligible stage code"),
    ],
)
def test_genes_outside_the_space_are_refused(name, genes, match):
    space, arch = make_space(name), Architecture(name, genes)
    assert not space.is_valid(arch)
    for call in (space.detector, space.encode, space.node_tokens, space.features):
        with pytest.raises(ArchitectureError, match=match):
            call(arch)


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("crnas-resnet50", {"head": "yolo"}, "head 'yolo' is not one of fpn, cascade, mask"),
        ("crnas-resnet50", {"head": "retinanet", "proposals": 9}, "has no second stage"),
        ("crnas-resnet50", {"blocks": 5}, "no stage code has blocks=5"),
        ("crnas-resnet50-stages", {"blocks": []}, "no budget is given"),
        ("crnas-resnet50-stages", {"blocks": [16, 16.5]}, "no stage code has blocks=16.5"),
        ("crnas-resnet50", {"branches": "no"}, "branches must be True or False.*'no'"),
        ("crnas-resnet50", {"proposals": -5}, "proposals must be an int >= 1.*-5"),
        ("crnas-resnet50", {"series": "resnet18"}, "'series'; it takes head, input_hw"),
        ("crnas-mobilenetv2", {"blocks": 10}, "blocks=10; give ints from 11 to 30"),
        ("crnas-resnet50", {"stages": "1-3-5-7"}, "does not take these options"),
        ("crnas-resnet50-operations", {"stages": "1-3-5"}, "it has 3 stages instead of 4"),
        ("crnas-resnet50-operations", {"stages": [1, 3, 5, 7]}, "stages must be a text such as"),
        ("crnas-resnet50-operations", {"blocks": 16}, "does not take these options"),
        ("crnas-resnet50-operations", {"branches": True}, "does not take these options"),
        ("crnas-mobilenetv2", {"base_channels": 32}, "takes no base_channels=32"),
        ("crnas-resnet50", {"base_channels": 0}, "must be ints >= 1"),
        ("crnas-resnet50", {"norm": "ln"}, "norm 'ln' is not one of bn, gn, gn_ws"),
        ("crnas-resnet50-stages", {"norm": []}, r"norm \(\) is not one of bn, gn, gn_ws"),
        ("crnas-resnet50", {"input_hw": (16, 16)}, "16x16 .* is too small"),
        ("crnas-resnet50", {"num_classes": 0}, "num_classes must be an int >= 1"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, match):
    with pytest.raises(SearchSpaceError, match=match):
        make_space(name, **options)


def test_unknown_series_are_refused():
    with pytest.raises(SearchSpaceError, match="'vgg16' is no series of CR-NAS; known: mobile"):
        CrNasSpace("vgg16")


def test_options_may_come_from_json():
    options = json.loads(json.dumps({"input_hw": (64, 96), "base_channels": 32}))
    space = make_space("crnas-resnet50", **options)
    assert space == make_space("crnas-resnet50", input_hw=(64, 96), base_channels=32)
    assert hash(space)
    widths = {
        n.spec.get_int("out_channels")
        for n in space.detector(space.sample(np.random.default_rng(0))).graph().nodes
        if n.spec.kind == "bottleneck"
    }
    assert widths == {4 * 32 * 2**stage for stage in range(4)}


@pytest.mark.parametrize(
    ("name", "stages"),
    [("crnas-resnet50-operations", "3-4-6-3"), ("crnas-resnet18-operations", "5-5-5-5")],
)
def test_the_operation_level_takes_any_stage_code(name, stages):
    space = make_space(name, stages=stages)
    assert (
        space.size == 3 ** sum(map(int, stages.split("-"))) == prod(map(len, space.gene_choices))
    )


@pytest.mark.parametrize("name", NAMES)
def test_another_normalisation_of_the_same_architectures(name):
    plain, rng = make_space(name, input_hw=(64, 96)), np.random.default_rng(0)
    space = plain.with_norm("gn_ws")
    assert space == make_space(name, input_hw=(64, 96), norm="gn_ws")
    assert space.with_norm("bn") == plain
    assert (space.name, space.size) == (plain.name, plain.size)
    arch = plain.sample(rng)
    assert space.is_valid(arch)
    assert space.encode(arch) == plain.encode(arch)
    assert space.detector(arch).macs() == plain.detector(arch).macs()
    assert norms_of(plain.detector(arch)) == {"bn", "none", None}
    assert norms_of(space.detector(arch)) == {"gn_ws", "none", None}  # none: linear layers


def norms_of(detector):
    return {dict(spec.params).get("norm") for spec, _ in detector.modules()}
