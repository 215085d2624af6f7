"""Our own detectors as `detfit export` writes them: zoo, spaces, every family; opsets 17 to 20."""

from collections.abc import Callable

import numpy as np
import onnx

from searchspaces import SPACES, ZOO, DetectorSpec, make_space, parse_arch
from tests.detection.variants import VARIANTS
from tests.export.corpus.entries import Entry, before, since

SIDE, CLASSES = 64, 3
OPSETS = (17, 18, 19, 20)
QUICK = ("faster_rcnn_2fc", "retinanet")
SOURCE = (
    "operators.md of the releases: RoiAlign and NonMaxSuppression as we use them from 8.5 on, "
    "opset 17 up to 8.6, 20 from 10.0 on"
)


def ours() -> list[Entry]:
    """Return every model of the zoo at two opsets, a sample of every space, every family."""
    return [*_variants(), *_zoo(), *_samples()]


def _variants() -> list[Entry]:
    found = []
    for name, spec in VARIANTS.items():
        found.append(_entry(f"family {name}", _exporter(lambda s=spec: s), slow=name not in QUICK))
        dynamic_batch = _exporter(lambda s=spec: s, dynamic_batch=True)
        found.append(_entry(f"family {name}, dynamic batch", dynamic_batch, slow=True))
    for opset in OPSETS[1:]:
        make = _exporter(lambda: VARIANTS["mask_rcnn"], opset)
        found.append(_entry(f"family mask_rcnn, opset {opset}", make, opset, slow=True))
    return found


def _zoo() -> list[Entry]:
    def spec(name: str) -> DetectorSpec:
        space, arch = parse_arch(f"zoo:{name}", input_hw=(SIDE, SIDE), num_classes=CLASSES)
        return space.detector(arch)

    return [
        _entry(
            f"zoo:{name}, opset {opset}",
            _exporter(lambda n=name: spec(n), opset),
            opset,
            slow=True,
        )
        for place, name in enumerate(ZOO)
        for opset in (OPSETS[0], OPSETS[1 + place % 3])  # the newer ones in turns
    ]


def _samples() -> list[Entry]:
    def spec(name: str) -> DetectorSpec:
        space = make_space(name, input_hw=(SIDE, SIDE), num_classes=CLASSES)
        return space.detector(space.sample(np.random.default_rng(0)))

    names = [name for name in SPACES if name != "zoo"]
    return [
        _entry(f"sample of {name}", _exporter(lambda n=name: spec(n)), slow=True) for name in names
    ]


def _entry(
    name: str, make: Callable[[], onnx.ModelProto], opset: int = 17, slow: bool = False
) -> Entry:
    if opset > 17:  # what 8.x would make of it depends on the forms that a graph uses
        return Entry(name, "ours", make, since("10.0"), (), SOURCE, "fp32", slow)
    return Entry(name, "ours", make, since("8.5"), before("8.5"), SOURCE, "fp32", slow)


def _exporter(
    spec: Callable[[], DetectorSpec], opset: int = 17, dynamic_batch: bool = False
) -> Callable[[], onnx.ModelProto]:
    def make() -> onnx.ModelProto:
        import torch

        from detection import Detector
        from export import detector_to_onnx

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            detector = Detector(spec()).eval()
        return detector_to_onnx(detector, opset=opset, dynamic_batch=dynamic_batch)

    return make
