"""The layers of every family of detectors with group normalisation and standardised weights."""

import re

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from detection.modules import MODULES
from searchspaces import CODED_BLOCKS, ModuleSpec, cost_of, parse_arch

# What has none by its paper: RPNs, what makes the pyramid's coarser levels, and predictors.
WITHOUT = re.compile(
    r"(guided_)?rpn_head\.|fpn\.pyramid\.extra_blocks\.|retinanet_head\.(classes|deltas)$"
    r"|mask_head\.predict$"
)
C4 = "resnet18/c4/rpn/2fc/512x512"
STRUCTURES = (
    "resnet18/P1-P2@128/rpn/2fc/512x512",
    "resnet34/P3-P6@128/garpn/cascade2/512x512",
    "resnext50/c4/none/retinanet/512x512",
    "mobilenetv2/c4/garpn/cascade2/512x512",
)
PUBLISHED = ("E3", "E4", "DetNASNet-300M-FPN", "DetNASNet-300M-RetinaNet", "CR-MobileNetV2")
CODES = [
    *((f"zoo:{name}", {}) for name in PUBLISHED),
    *((f"smnas-structural:{code}", {}) for code in STRUCTURES),
    *(
        (f"smnas:{block}_48_1-21-21-12", {"structure": C4, "block": block})
        for block in CODED_BLOCKS
    ),
    *(
        ("crnas-resnet18-stages:2-2-2-2", {"head": head})
        for head in ("cascade-mask", "nas-fpn", "retinanet")
    ),
]


def with_weights(norm: str) -> list[ModuleSpec]:
    """Return the modules of all these detectors that hold weights, one of every parameters."""
    found = {}
    for text, options in CODES:
        space, arch = parse_arch(text, norm=norm, **options)
        for spec, _ in space.detector(arch).modules():
            if cost_of(spec).params:
                found[spec.kind, spec.params] = spec
    return list(found.values())


@pytest.mark.parametrize("norm", ["gn", "gn_ws"])
def test_no_layer_goes_by_its_batch_and_weights_are_standardised_if_asked(norm: str) -> None:
    specs = with_weights(norm)
    assert {spec.kind for spec in specs} >= {"fpn", "nas_fpn", "mask_head", "guided_rpn_head"}
    for spec in specs:
        with torch.device("meta"):  # no weights are drawn
            layers = {f"{spec.kind}.{n}": m for n, m in MODULES[spec.kind](spec).named_modules()}
        assert not [m for m in layers.values() if isinstance(m, _BatchNorm)], spec.key
        convolutions = {n: m for n, m in layers.items() if isinstance(m, nn.Conv2d)}
        plain = {n for n, m in convolutions.items() if not parametrize.is_parametrized(m)}
        without = {n for n in convolutions if WITHOUT.match(n)}
        assert plain == (without if norm == "gn_ws" else set(convolutions)), spec.key
        if len(without) < len(convolutions):
            assert any(isinstance(m, nn.GroupNorm) for m in layers.values()), spec.key
