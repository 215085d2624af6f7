"""Every model of the zoo.

Codes and figures are the papers' own; figures that their tables print for a model are given
where we know them, and none is computed here: ``detfit show zoo:NAME`` computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .published import CR_NAS, DETNAS, DETNAS_CODE, SM_NAS, Figure, ZooModel

CR_SIZE = (800, 1088)
"""The input at which CR-NAS counts; ours for every baseline, so that they compare."""

_AT_224 = "backbone MACs at 224x224"
_LARGE = "00312102-03123320-2113202221310333-13333333"
_BACKBONES = {  # name in a model's name -> name of the backbone in the spaces, its stage code
    "R18": ("resnet18", "2-2-2-2"),
    "R50": ("resnet50", "3-4-6-3"),
    "R101": ("resnet101", "3-4-23-3"),
    "MobileNetV2": ("mobilenetv2", "1-1-2-3-4-3-3-1-1-1"),
}
_HEADS = {"FasterRCNN": "fpn", "CascadeRCNN": "cascade", "MaskRCNN": "mask"}


def _smnas() -> Iterator[ZooModel]:
    """Make E0 to E5 (SM-NAS, table of published architectures)."""
    e4 = "Xbottleneck_56_21-21-111111111111111-2111111@256"
    rows: tuple[tuple[str, str, str, float, dict[str, float]], ...] = (
        (
            "E0",
            "resnet18/P2-P5@128/rpn/2fc/512x512",
            "basicblock_64_1-21-21-12@128",
            27.1,
            {"backbone MACs": 7.2},
        ),
        (
            "E1",
            "resnet18/P2-P5@256/rpn/2fc/800x600",
            "basicblock_48_12-21-11111-211111@256",
            34.3,
            {},
        ),
        (
            "E2",
            "resnet18/P1-P5@128/rpn/cascade3/800x600",
            "basicblock_56_12-11111-211-1112@128",
            40.1,
            {"V100 latency": 39.5},
        ),
        (
            "E3",
            "resnet50/P1-P5@128/rpn/cascade3/800x600",
            "bottleneck_56_211-111111111-2111111-11112111@128",
            42.7,
            {"backbone MACs": 59.2},
        ),
        ("E4", "resnext50/P1-P5@256/garpn/cascade3/800x600", e4, 43.9, {}),
        (
            "E5",
            "resnext50/P1-P5@256/garpn/cascade3/1333x800",
            e4,
            46.1,
            {"V100 latency": 108.1},
        ),
    )
    units = {"backbone MACs": "G", "V100 latency": "ms"}
    for name, structure, code, ap, others in rows:
        figures = [Figure("COCO AP", ap, "%", SM_NAS)]
        figures += [Figure(what, value, units[what], SM_NAS) for what, value in others.items()]
        yield ZooModel(name, "smnas-modular", code, {"structure": structure}, tuple(figures))


def _detnas() -> Iterator[ZooModel]:
    """Make the released DetNASNets and the ShuffleNetV2 baselines of the same spaces.

    The widths of the baselines are not published; they are the spaces' own here, with which
    ShuffleNetV2-40 costs 1.04 G at 224x224 where the paper prints 1.3 G. The released widths of
    the 3.8 G network cost 3.94 G.
    """
    rows = (
        ("300M-FPN", "detnas-small", "2120-2112-33130031-3132", "fpn", 36.6, 36.6, 0.2881),
        ("300M-RetinaNet", "detnas-small", "2311-3213-31113320-3333", "retinanet", 33.3, 34.1, 0),
        ("1.3G", "detnas-large", _LARGE, "fpn", 40.2, 40.3, 1.3),
        ("3.8G", "detnas-large-1.8x", _LARGE, "fpn", 42.0, 42.0, 3.8),
    )
    for name, space, code, head, paper, released, macs in rows:
        figures = [
            Figure("COCO AP", paper, "%", DETNAS),
            Figure("COCO AP", released, "%", DETNAS_CODE),
        ]
        if macs:
            figures.append(Figure(_AT_224, macs, "G", DETNAS))
        yield ZooModel(f"DetNASNet-{name}", space, code, {"head": head}, tuple(figures))
    baselines = (
        ("ShuffleNetV2-20", "detnas-small", (4, 4, 8, 4), (Figure("COCO AP", 34.8, "%", DETNAS),)),
        (
            "ShuffleNetV2-40",
            "detnas-large",
            (8, 8, 16, 8),
            (Figure("COCO AP", 39.2, "%", DETNAS), Figure(_AT_224, 1.3, "G", DETNAS)),
        ),
    )
    for name, space, blocks, published in baselines:
        code = "-".join("0" * count for count in blocks)
        yield ZooModel(name, space, code, {"head": "fpn"}, published)


def _crnas() -> Iterator[ZooModel]:
    """Make the reallocated networks (CR-NAS, published codes)."""
    r101 = "000000101000200010101011001012011"
    macs = Figure("detector MACs", 192.7, "G", CR_NAS)
    rows: tuple[tuple[str, str, str, tuple[Figure, ...]], ...] = (
        ("CR-ResNet18", "crnas-resnet18", "1-1-2-4/00101021", ()),
        ("CR-ResNet50", "crnas-resnet50", "1-3-5-7/0010001200102112", (_ap(38.3), macs)),
        ("CR-ResNet101", "crnas-resnet101", f"2-3-17-11/{r101}", (_ap(40.2),)),
        (
            "CR-MobileNetV2",
            "crnas-mobilenetv2",
            "1-1-2-2-3-4-4-1-1-1/01010201100110110200",
            (_ap(33.9),),
        ),
        ("SCR-ResNeXt50", "crnas-resnext50-stages", "2-2-6-6", ()),
        ("SCR-ResNeXt101", "crnas-resnext101-stages", "3-4-15-11", ()),
    )
    for name, space, code, figures in rows:
        yield ZooModel(name, space, code, {}, figures)


def _baselines() -> Iterator[ZooModel]:
    """Make the detectors that the papers compare with."""
    published = {
        "FasterRCNN-R50-FPN": (_ap(36.4), Figure("detector MACs", 192.5, "G", CR_NAS)),
        "FasterRCNN-R101-FPN": (_ap(38.6),),
        "FasterRCNN-MobileNetV2-FPN": (_ap(32.2),),
    }
    for short, (backbone, stages) in _BACKBONES.items():
        for head, option in _HEADS.items():
            name = f"{head}-{short}-FPN"
            space = f"crnas-{backbone}-stages"
            yield ZooModel(name, space, stages, {"head": option}, published.get(name, ()))
        retina: Mapping[str, Any] = {"input_hw": CR_SIZE}
        code = f"{backbone}/P2-P6@256/none/retinanet/1333x800"
        yield ZooModel(f"RetinaNet-{short}-FPN", "smnas-structural", code, retina)


def _ap(value: float) -> Figure:
    return Figure("COCO AP", value, "%", CR_NAS)


ZOO: dict[str, ZooModel] = {
    model.name: model for make in (_smnas, _detnas, _crnas, _baselines) for model in make()
}
"""Name -> model, in the papers' order."""
