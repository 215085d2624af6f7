"""The table of constants says what the code does."""

import dataclasses
import importlib
import math
import re
from pathlib import Path

import pytest
import torch

import searchspaces
import searchspaces.parts
from detection import build_module
from detection.losses import LossConfig
from detection.losses.guided_config import GuidedLossConfig
from detection.modules.boxes import make_anchors
from searchspaces import (
    CASCADE_STDS,
    NAS_FPN_CELLS,
    BoxHead,
    DetectorSpec,
    Fpn,
    GuidedRegionProposals,
    NasFpn,
    RegionProposals,
    ResNetBackbone,
    RetinaNetHead,
)

TABLE = Path(__file__).parents[2] / "docs" / "reference-constants.md"
MODULES = (
    "losses.config",
    "losses.guided",
    "losses.guided_config",
    "losses.guided_targets",
    "losses.masks",
    "data.preprocess",
    "metric.pasting",
    "modules.boxes",
    "modules.guided",
    "modules.masks",
    "modules.retinanet",
)
WORDS = {"log": math.log, "octave_scales": searchspaces.octave_scales, "__builtins__": {}}
ROW = re.compile(r"^\| [^|]+ \| `([^`]+)` \| `([^`]+)` \|(?:[^|]*\|){3}$")

# Wide enough that drawn weights have the standard deviation that they are drawn with.
BACKBONE = ResNetBackbone("basic", (1, 1, 1, 1), base_channels=8)
TWO_FC = BoxHead(num_convs=0, num_fcs=2, norm="none")
CASCADE = dataclasses.replace(TWO_FC, class_agnostic=True, stage_stds=CASCADE_STDS[:2])
RETINANET = Fpn(first=1, extra="conv", extra_levels=2)
DETECTORS = [
    DetectorSpec((64, 64), BACKBONE, neck, rpn, head, 80)
    for neck, rpn, head in (
        (Fpn(), RegionProposals(), TWO_FC),
        (Fpn(), GuidedRegionProposals(), CASCADE),
        (RETINANET, None, RetinaNetHead()),
        (NasFpn(cells=1), RegionProposals(), TWO_FC),
    )
]
SPECS = {
    node.spec.kind: node.spec
    for detector in reversed(DETECTORS)
    for node in detector.graph().nodes
}


def rows():
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [match.groups() for match in map(ROW.match, lines) if match]


def default_of(owner, field):
    """Return a class's default, whether or not the others have one."""
    found = {f.name: f.default for f in dataclasses.fields(owner)}
    return found[field]


def attribute(name):
    """Find ``CONSTANT``, ``module.CONSTANT`` or ``Class.field``."""
    owner, _, last = name.rpartition(".")
    if owner and owner[0].isupper():
        config = {"LossConfig": LossConfig, "GuidedLossConfig": GuidedLossConfig}
        return default_of(config.get(owner) or getattr(searchspaces, owner), last)
    for room in (searchspaces, searchspaces.parts):
        if hasattr(room, name):
            return getattr(room, name)
    wanted = [path for path in MODULES if path.endswith(f".{owner}" if owner else "")]
    homes = [importlib.import_module(f"detection.{path}") for path in wanted]
    values = [getattr(home, last) for home in homes if hasattr(home, last)]
    assert values, f"no constant {name}"
    assert len(set(values)) == 1, f"{name} is not one constant"
    return values[0]


def parameter(kind_and_name):
    kind, name = kind_and_name.split(".")
    value = dict(SPECS[kind].params)[name]
    return SPECS[kind].get_ints(name) if isinstance(value, str) else value


def initial(kind_and_name):
    kind, _, name = kind_and_name.partition(".")
    torch.manual_seed(0)
    return build_module(SPECS[kind]).get_parameter(name).detach()


def first_anchor():
    return tuple(make_anchors(SPECS["proposals"])[0].tolist())


SPECIAL = {
    "first anchor": first_anchor,
    "cells that convolve": lambda: sum(cell.convolves for cell in NAS_FPN_CELLS),
    "node refine_boxes class_agnostic": lambda: next(
        node.spec.get_int("class_agnostic")
        for node in DETECTORS[1].graph().nodes
        if node.spec.kind == "box_head"
    ),
}


@pytest.mark.parametrize(("written", "name"), rows())
def test_the_table_says_what_the_code_does(written, name):
    expected = eval(written, dict(WORDS))
    if name in SPECIAL:
        assert SPECIAL[name]() == expected
    elif name.startswith("node "):
        assert parameter(name.removeprefix("node ")) == expected
    elif name.startswith("std "):
        assert float(initial(name.removeprefix("std ")).std()) == pytest.approx(expected, rel=0.15)
    elif name.startswith("mean "):
        assert float(initial(name.removeprefix("mean ")).mean()) == pytest.approx(expected)
    else:
        assert attribute(name) == (expected if isinstance(expected, str) else close(expected))


def close(value):
    """Compare numbers, also inside of nested tuples, up to rounding."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return value
    return pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("config", [LossConfig, GuidedLossConfig])
def test_every_number_of_the_losses_is_in_the_table(config):
    listed = {name for _, name in rows()}
    numbers = [f for f in dataclasses.fields(config) if type(f.default) in (int, float, tuple)]
    named = {f"{config.__name__}.{field.name}" for field in numbers}
    assert named <= listed


@pytest.mark.parametrize(
    "part", [RegionProposals, GuidedRegionProposals, RetinaNetHead, BoxHead, NasFpn]
)
def test_every_number_of_the_parts_is_in_the_table(part):
    listed = {name for _, name in rows()}
    numbers = {
        f"{part.__name__}.{f.name}"
        for f in dataclasses.fields(part)
        if type(f.default) in (int, float)
    }
    assert numbers - listed <= {"NasFpn.first"}  # said by the coarser levels


def test_the_table_is_read_whole():
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    tables = [line for line in lines if line.startswith("| ") and line.count("|") == 7]
    headings = [line for line in tables if line.startswith("| What |")]
    assert len(rows()) == len(tables) - len(headings) > 80


def test_every_letter_names_a_file():
    text = TABLE.read_text(encoding="utf-8")
    files = set(re.findall(r"^\| (\w) \| `", text, re.MULTILINE))
    cells = [line.split("|")[4] for line in text.splitlines() if ROW.match(line)]
    used = {letter for cell in cells for letter in re.findall(r"\b([A-Za-z])(?=[:,] )", cell)}
    assert used <= files
    assert len(files) == 22
