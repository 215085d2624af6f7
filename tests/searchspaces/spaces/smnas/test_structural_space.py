import json
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from searchspaces import Architecture, ArchitectureError, SearchSpaceError, make_space
from searchspaces.conformance import SearchSpaceConformance
from searchspaces.spaces import SmNasStructuralSpace
from searchspaces.spaces.smnas.structure import BACKBONES, HEADS, NECKS, RPNS, SIZES

SPACE = SmNasStructuralSpace()
SMALL = {"input_hw": (96, 128), "num_classes": 3, "proposals": 20}


class TestOwnSizes(SearchSpaceConformance):
    def make(self):
        return make_space("smnas-structural")


class TestFixedSize(SearchSpaceConformance):
    round_trips = 500

    def make(self):
        return make_space("smnas-structural", **SMALL)


class TestStandardisedWeights(SearchSpaceConformance):
    draws = 50
    round_trips = 100

    def make(self):
        return make_space("smnas-structural", **SMALL, norm="gn_ws")


def test_the_size_is_exact():
    """Counted here over all combinations of fields, with the paper's rule of validity."""
    every = product(BACKBONES, NECKS, RPNS, HEADS, SIZES)
    valid = {g for g in every if (g[2] == "none") == (g[3] == "retinanet")}
    assert SPACE.size == len(valid) == 10_836
    assert {arch.genes for arch in SPACE.enumerate()} == valid
    assert all(SPACE.is_valid(Architecture(SPACE.name, genes)) for genes in valid)


def test_codes_that_mean_one_network_have_one_representative():
    """Of 10,836 codes, 216 end at P2 with a backbone whose shorter twin is the same network."""
    canonical = {SPACE.canonical(arch) for arch in SPACE.enumerate()}
    assert len(canonical) == 10_836 - 2 * 3 * 9 * 4
    long, short = (
        SPACE.decode(f"{backbone}/P1-P2@256/rpn/2fc/512x512")
        for backbone in ("resnext101", "resnext50")
    )
    assert SPACE.canonical(long) == short
    assert SPACE.detector(long).graph().key == SPACE.detector(short).graph().key


def test_no_two_representatives_mean_one_network():
    rng = np.random.default_rng(0)
    space = make_space("smnas-structural", **SMALL)
    sample = {space.canonical(space.sample(rng)) for _ in range(600)}
    assert len({space.detector(arch).graph().key for arch in sample}) == len(sample)


def test_samples_are_uniform():
    rng, draws = np.random.default_rng(0), 4000
    counts = Counter(gene for _ in range(draws) for gene in SPACE.sample(rng).genes)
    for gene, share in {"resnet34": 1 / 7, "c4": 1 / 43, "none": 1 / 9, "1080x720": 1 / 4}.items():
        sigma = np.sqrt(draws * share * (1 - share))
        assert counts[gene] == pytest.approx(draws * share, abs=4 * sigma)


def fields(arch):
    backbone, neck, rpn, head, size = arch.genes
    return backbone, neck, (rpn, head), size


def test_mutants_differ_in_one_field_and_every_field_mutates():
    rng = np.random.default_rng(0)
    arch = SPACE.decode("resnet50/P2-P5@256/none/retinanet/800x600")
    neighbours = SPACE.neighbours(arch)
    assert len(neighbours) == len(set(neighbours)) == 6 + 42 + 8 + 3
    changed = Counter()
    for _ in range(400):
        mutant = SPACE.mutate(arch, rng)
        assert mutant in neighbours
        pairs = zip(fields(arch), fields(mutant), strict=True)
        (index,) = [i for i, (a, b) in enumerate(pairs) if a != b]
        changed[index] += 1
    assert all(changed[index] == pytest.approx(100, abs=40) for index in range(4))


def test_a_fixed_size_and_a_same_network_are_no_mutation():
    space = make_space("smnas-structural", **SMALL)
    arch = space.decode("resnet50/P1-P2@256/rpn/2fc/800x600")
    neighbours = space.neighbours(arch)
    assert len(neighbours) == 5 + 42 + 8
    assert "resnet101" not in {other.genes[0] for other in neighbours}


def test_children_take_every_field_from_a_parent():
    rng = np.random.default_rng(0)
    a = SPACE.decode("resnet50/P2-P5@256/none/retinanet/800x600")
    b = SPACE.decode("mobilenetv2/c4/garpn/cascade4/512x512")
    made = {SPACE.crossover(a, b, rng) for _ in range(300)}
    assert {fields(child) for child in made} == set(
        product(*zip(fields(a), fields(b), strict=True))
    )


def test_features_say_what_the_fields_say():
    def row(text):
        arch = SPACE.decode(text)
        return dict(zip(SPACE.feature_names, SPACE.features(arch).tolist(), strict=True))

    pyramid = row("resnext50/P2-P6@128/garpn/cascade3/1333x800")
    ones = {"resnext50", "pyramid", "garpn", "cascade3"}
    numbers = {"finest level": 2, "coarsest level": 6, "log2 pyramid width": 7}
    assert {name for name, value in pyramid.items() if value == 1} == ones
    assert {name: pyramid[name] for name in numbers} == numbers
    assert pyramid["log2 pixels"] == pytest.approx(np.log2(1333 * 800))
    assert row("resnet18/c4/rpn/2fc/512x512")["pyramid"] == 0


def test_features_of_one_network_are_one_row():
    a, b = (SPACE.decode(f"{r}/P1-P2@256/rpn/2fc/512x512") for r in ("resnet101", "resnet50"))
    assert np.array_equal(SPACE.features(a), SPACE.features(b))


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(
    "rest",
    ["c4/garpn/cascade2", "c4/none/retinanet", "P4-P6@512/garpn/2fc", "P1-P3@128/rpn/cascade4"],
)
def test_every_backbone_is_wired_with_every_kind_of_neck(backbone, rest):
    space = make_space("smnas-structural", input_hw=(97, 131), num_classes=2, proposals=9)
    detector = space.detector(space.decode(f"{backbone}/{rest}/512x512"))
    assert detector.input_hw == (97, 131)
    graph = detector.graph(batch=2)
    assert graph.tensors[graph.outputs[0]].shape == (2, 100, 4)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_norms_change_over_and_back(backbone):
    other = SPACE.with_norm("gn_ws")
    arch = SPACE.decode(f"{backbone}/P2-P6@128/none/retinanet/512x512")
    before, after = SPACE.detector(arch), other.detector(arch)
    assert before.backbone == BACKBONES[backbone]
    assert (before.neck.norm, before.head.norm) == ("none", "none")
    assert {after.backbone.norm, after.neck.norm, after.head.norm} == {"gn_ws"}
    assert replace(after.backbone, norm="bn") == before.backbone
    assert (other.name, other.canonical(arch)) == (SPACE.name, SPACE.canonical(arch))
    assert other.with_norm("bn") == SPACE


def test_fields_name_the_parts():
    arch = SPACE.decode("resnext101/P2-P5@128/garpn/cascade4/1080x720")
    detector = SPACE.detector(arch)
    kinds = Counter(node.spec.kind for node in detector.graph().nodes)
    assert detector.input_hw == (720, 1080)
    assert kinds["bottleneck"] == 3 + 4 + 23 + 3
    assert kinds["box_head"] == 4
    assert kinds["guided_rpn_head"] == kinds["fpn"] == 1
    assert detector.backbone.groups == 32


def test_malformed_codes_are_refused_as_structures_are():
    with pytest.raises(ArchitectureError, match="takes no RPN"):
        SPACE.decode("resnet50/c4/rpn/retinanet/512x512")


@pytest.mark.parametrize(
    "genes",
    [
        ("resnet50", "c4", "rpn", "retinanet", "512x512"),
        ("resnet50", "c4", "none", "2fc", "512x512"),
        ("resnet50", "P5-P6@256", "rpn", "2fc", "512x512"),
        ("resnet50", "c4", "rpn", "2fc"),
        ("resnet50", "c4", "rpn", "2fc", 512),
    ],
)
def test_genes_outside_the_space_are_refused(genes):
    arch = Architecture(SPACE.name, genes)
    assert not SPACE.is_valid(arch)
    with pytest.raises(ArchitectureError, match="it needs five genes as in"):
        SPACE.node_tokens(arch)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"input_hw": (16, 16)}, "16x16 .* is too small"),
        ({"input_hw": "800x600"}, "must be a tuple"),
        ({"num_classes": 0}, "num_classes must be an int >= 1, got 0"),
        ({"input_hw": []}, "must be a tuple"),
        ({"proposals": 0}, "proposals must be an int >= 1"),
        ({"norm": "ln"}, "norm 'ln' is not bn, gn or gn_ws"),
        ({"head": "fpn"}, "does not take these options: 'head'; it takes input_hw, num_classes"),
    ],
)
def test_options_that_do_not_exist_are_refused(options, match):
    with pytest.raises(SearchSpaceError, match=match):
        make_space("smnas-structural", **options)


def test_options_may_come_from_json():
    space = make_space("smnas-structural", **json.loads(json.dumps(SMALL)))
    assert space == SmNasStructuralSpace(**SMALL)
    assert hash(space)
