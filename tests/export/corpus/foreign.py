"""Graphs of other projects: torchvision's detectors as users export them, and its backbones."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import onnx

from tests.export.corpus.entries import RELEASES, Entry, before, since

SIDE = 96
IF_SOURCE = "NVIDIA/TensorRT#2846, #1731, #4603; release notes 10.11.0: If branches of two shapes"
LOOP_SOURCE = "onnx-tensorrt docs/operators.md, Loop: torchvision pastes masks in a growing loop"
PLAIN_SOURCE = "onnx-tensorrt docs/operators.md: every operator is listed"
NORM_SOURCE = "onnx-tensorrt Changelog 8.6: LayerNormalization; before, no operator of that name"
OPSET_SOURCE = "onnx-tensorrt docs/operators.md: opset 20 from 10.0 on"
SCATTER_SOURCE = "onnx-tensorrt CHANGELOG 10.9: ScatterND with a reduction of none"

DETECTORS: dict[str, tuple[str, tuple[str, ...]]] = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": (IF_SOURCE, since("10.11")),
    "fasterrcnn_resnet50_fpn": (IF_SOURCE, since("10.11")),
    "fasterrcnn_resnet50_fpn_v2": (IF_SOURCE, since("10.11")),
    "retinanet_resnet50_fpn": (IF_SOURCE, since("10.11")),
    "retinanet_resnet50_fpn_v2": (IF_SOURCE, since("10.11")),
    "fcos_resnet50_fpn": (IF_SOURCE, since("10.11")),
    "ssdlite320_mobilenet_v3_large": (IF_SOURCE, since("10.11")),
    "maskrcnn_resnet50_fpn": (LOOP_SOURCE, ()),
}
"""torchvision's name -> why some releases refuse its graph, and which ones take it."""

FIXED = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "fcos_resnet50_fpn",
)
PLAIN = (
    "resnet18",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "efficientnet_b0",
    "squeezenet1_1",
)
NORMED = ("convnext_tiny", "swin_t")
SCATTERING = ("swin_t",)  # the dynamo exporter writes the masks of its windows by ScatterND
QUICK = ("mobilenet_v3_small", "fasterrcnn_mobilenet_v3_large_320_fpn")


def foreign() -> list[Entry]:
    """Return torchvision's detectors, bare and with fixed shapes, and backbones."""
    return [*_bare(), *_fixed(), *_fixed_by_dynamo(), *_backbones()]


def detector(name: str) -> Any:
    """Make a small torchvision detector with random weights."""
    import torch
    import torchvision

    sizes = {} if name.startswith("ssd") else {"min_size": SIDE, "max_size": SIDE}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        build = getattr(torchvision.models.detection, name)
        return build(weights=None, weights_backbone=None, num_classes=5, **sizes).eval()


def write(module: Any, args: tuple[Any, ...], opset: int = 17, dynamo: bool = False) -> Any:
    """Export as a user would, with torch's own function."""
    import torch

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both exporters warn a lot
        if dynamo:
            program = torch.onnx.export(
                module, args, dynamo=True, opset_version=opset, verbose=False
            )
            assert program is not None
            return program.model_proto
        torch.onnx.export(module, args, buffer, opset_version=opset, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def bare(name: str) -> onnx.ModelProto:
    """Export a torchvision detector as it is; the other exporter fails on it."""
    import torch

    return write(detector(name), ([torch.rand(3, SIDE, SIDE)],))


def _bare() -> list[Entry]:
    return [
        Entry(
            f"torchvision {name}",
            "foreign",
            lambda n=name: bare(n),
            good,
            tuple(release for release in RELEASES if release not in good),
            source,
            "fp32",
            name not in QUICK,
        )
        for name, (source, good) in DETECTORS.items()
    ]


def _fixed() -> list[Entry]:
    def make(name: str, dynamic_batch: bool) -> onnx.ModelProto:
        from detection import fixed_shape
        from export import detector_to_onnx

        return detector_to_onnx(
            fixed_shape(detector(name), (SIDE, SIDE)), dynamic_batch=dynamic_batch
        )

    return [
        Entry(
            f"torchvision {name}, fixed shapes{', dynamic batch' * dynamic_batch}",
            "foreign",
            lambda n=name, o=dynamic_batch: make(n, o),
            since("8.5"),
            before("8.5"),
            PLAIN_SOURCE,
            "fp32",
            name not in QUICK or dynamic_batch,
        )
        for name in FIXED
        for dynamic_batch in (False, True)
    ]


def _fixed_by_dynamo() -> list[Entry]:
    """The exporter that fails on the bare detectors takes those of fixed shapes."""

    def make(name: str) -> onnx.ModelProto:
        import numpy as np

        from detection import fixed_shape
        from engines import to_onnx

        image = np.zeros((1, 3, SIDE, SIDE), np.float32)
        module = fixed_shape(detector(name), (SIDE, SIDE))
        return to_onnx(module, {"image": image}, opset=18, exporter="dynamo")

    return [
        Entry(
            f"torchvision {name}, fixed shapes, dynamo",
            "foreign",
            lambda n=name: make(n),
            since("10.0"),
            (),
            OPSET_SOURCE,
            "fp32",
            True,
        )
        for name in FIXED
    ]


def _backbones() -> list[Entry]:
    found = []
    for name in (*PLAIN, *NORMED):
        label, normed = f"torchvision {name}", name in NORMED
        good, bad = since("8.6" if normed else "8.5"), before("8.6") if normed else ()
        source = NORM_SOURCE if normed else PLAIN_SOURCE
        slow = name not in QUICK
        found.append(Entry(label, "foreign", _backbone(name), good, bad, source, "fp32", slow))
        by_dynamo = _backbone(name, 20, dynamo=True)
        good, source = since("10.0"), OPSET_SOURCE
        if name in SCATTERING:
            good, source = since("10.11"), SCATTER_SOURCE
        bad = tuple(release for release in since("10.0") if release not in good)
        label = f"{label}, dynamo"
        found.append(Entry(label, "foreign", by_dynamo, good, bad, source, "fp32", True))
    return found


def _backbone(name: str, opset: int = 17, dynamo: bool = False) -> Callable[[], onnx.ModelProto]:
    def make() -> onnx.ModelProto:
        import torch
        import torchvision

        module = getattr(torchvision.models, name)(weights=None, num_classes=10).eval()
        return write(module, (torch.rand(1, 3, SIDE, SIDE),), opset, dynamo)

    return make
