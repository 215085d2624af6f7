"""What a sketch shows is what the graph holds."""

import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from searchspaces import (
    KINDS,
    SPACES,
    BoxHead,
    DetectorSpec,
    DetNasSpace,
    Fpn,
    MobileNetV2Backbone,
    ModuleKind,
    ModuleSpecError,
    NasFpn,
    RegionProposals,
    ShuffleBackbone,
    draw_architectures,
    make_space,
    outputs_of,
)

SVG = "{http://www.w3.org/2000/svg}"
BACKBONE = ShuffleBackbone(16, (32, 64, 96, 192), ((0,), (1, 2), (3,), (0, 0)))
SPEC = DetectorSpec((128, 192), BACKBONE, Fpn(32), RegionProposals(), BoxHead(), 3)


def parse(text):
    return ElementTree.fromstring(text)


def words(text):
    return [element.text for element in parse(text).iter(f"{SVG}text")]


def bars(text, style):
    return [r for r in parse(text).iter(f"{SVG}rect") if r.get("class") == style]


def test_every_block_is_a_bar_and_says_its_operation():
    text = draw_architectures([("one", SPEC)])
    assert words(text).count("5×5") == 2  # the bar and the legend
    assert [len(bars(text, style)) for style in ("k3", "k5", "k7", "op")] == [4, 2, 2, 2]
    assert len(bars(text, "stem")) == 1
    assert "xception 3×3" in words(text)


def test_widths_grow_with_channels_and_are_shared_by_all_columns():
    wide = replace(SPEC, backbone=replace(BACKBONE, stage_channels=(32, 64, 96, 768)))
    alone, together = (
        draw_architectures([("a", SPEC)]),
        draw_architectures([("a", SPEC), ("b", wide)]),
    )

    def widths(text):  # of bars: taller than a swatch of the legend
        return [float(r.get("width")) for r in bars(text, "k3") if float(r.get("height")) > 10]

    assert widths(alone) == sorted(widths(alone))
    assert max(widths(alone)) == max(widths(together))
    assert widths(together)[2] < widths(alone)[2]


def test_marks_are_those_of_the_graph():
    text = draw_architectures([("one", SPEC)])
    shrinking = [
        n
        for n in SPEC.graph().nodes
        if n.part == "backbone" and outputs_of(n.spec)[0].shape[2:] != n.spec.inputs[0].shape[2:]
    ]
    marks = [p for p in parse(text).iter(f"{SVG}polygon") if p.get("class") == "accent"]
    assert len(marks) == len(shrinking) + 1  # and the legend's
    shown = words(text)
    assert [w for w in shown if re.fullmatch(r"(×2 )?\d+", w)] == [
        "16",
        "×2 32",
        "×2 64",
        "96",
        "×2 192",
    ]
    assert [w for w in shown if re.fullmatch(r"P\d", w)] == ["P2", "P3", "P4", "P5", "P6"]
    assert "stride 16 · 12×8" in shown


def test_multiply_adds_are_those_of_the_detector():
    shown = words(draw_architectures([("one", SPEC)]))
    said = [w.split() for w in shown if re.fullmatch(r"\S+ [MG] MACs", w)]
    macs = [float(number) * {"M": 1e6, "G": 1e9}[unit] for number, unit, _ in said]
    expected = [SPEC.macs()[part] for part in ("backbone", "neck", "rpn", "head")]
    assert macs == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", SPACES)
def test_detectors_of_every_space(name):
    space = make_space(name)
    detector = space.detector(space.sample(np.random.default_rng(0)))
    text = draw_architectures([(name, detector)])
    blocks = [n for n in detector.graph().nodes if n.part == "backbone"]
    styles = ("stem", "k1", "k3", "k5", "k7", "op", "d2", "d3")
    tall = [r for s in styles for r in bars(text, s) if float(r.get("height")) > 10]
    assert len(tall) == len(blocks)
    assert not bars(text, "plain")


def test_a_convolution_that_ends_the_backbone_is_no_stem():
    mobilenet = replace(SPEC, backbone=MobileNetV2Backbone())
    text = draw_architectures([("one", mobilenet)])
    assert len(bars(text, "stem")) == 1
    assert len(bars(text, "k1")) == 2  # the bar and the legend
    shown = words(text)
    assert "4 inverted residuals, 1 convolution" in shown
    assert shown.count("stem") == 1


def test_titles_are_escaped_and_shortened():
    title = "<b>&\"'" + "long" * 30
    text = draw_architectures([(title, SPEC)])
    assert "<b>" not in text
    assert any(w.startswith("<b>&") and w.endswith("…") for w in words(text))
    assert title in parse(text).find(f"{SVG}title").text


def test_equal_calls_give_equal_text_in_another_process():
    script = (
        "from searchspaces import DetNasSpace, draw_architectures\n"
        "space = DetNasSpace('detnas-nano', 'fpn', (64, 64), 3)\n"
        "print(draw_architectures([('a', space.detector(space.decode('0123012301')))]), end='')"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    space = DetNasSpace("detnas-nano", "fpn", (64, 64), 3)
    assert run.stdout == draw_architectures([("a", space.detector(space.decode("0123012301")))])


class Warp:
    """A neck of a kind that no sketch knows."""

    stages = 4

    def build(self, graph, features):
        params = {"channels": 32, "num_anchors": 1}
        return graph.add("warp", "neck", "warp", features[3:], **params)


def test_kinds_unknown_to_the_sketch_are_plain_boxes(monkeypatch):
    same = ModuleKind(lambda spec: spec.inputs, KINDS["proposals"].cost)
    monkeypatch.setitem(KINDS, "warp", same)
    text = draw_architectures([("one", replace(SPEC, neck=Warp()))])
    assert "warp" in words(text)
    assert len(bars(text, "plain")) == 1


def test_necks_and_heads_are_named():
    shown = words(draw_architectures([("nas", replace(SPEC, neck=NasFpn(32, cells=3)))]))
    assert "NAS-FPN: 3 stacks, 32 channels" in shown
    assert "box head: 4 conv 256, 1 fc 1024" in shown
    assert "1,000 proposals" in shown
    assert [w for w in shown if re.fullmatch(r"P\d", w)] == ["P3", "P4", "P5", "P6", "P7"]


def test_it_needs_nothing_from_elsewhere():
    text = draw_architectures([("one", SPEC)])
    assert re.findall(r"(?:https?:)?//[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme:dark" in text


def test_nothing_to_draw_is_refused():
    with pytest.raises(ModuleSpecError, match="at least one detector, got none"):
        draw_architectures([])
