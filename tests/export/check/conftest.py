from collections.abc import Callable
from functools import cache

import onnx
import pytest


@pytest.fixture(scope="session")
def our_models() -> Callable[[], dict[str, onnx.ModelProto]]:
    """Our own detectors, one of each family, tiny."""

    @cache
    def make() -> dict[str, onnx.ModelProto]:
        import torch

        from detection import Detector
        from export import detector_to_onnx
        from searchspaces import parse_arch

        torch.set_num_threads(1)
        common = {"input_hw": (64, 64), "num_classes": 3}
        archs = {
            "nano-retinanet": ("detnas-nano:21-20-2112-33", {"head": "retinanet"}),
            "nano-fpn": ("detnas-nano:21-20-2112-33", {"head": "fpn"}),
        }
        models = {}
        for name, (code, options) in archs.items():
            space, arch = parse_arch(code, **common, **options)
            models[name] = detector_to_onnx(Detector(space.detector(arch)).eval())
        return models

    return make
