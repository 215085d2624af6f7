import copy

import pytest
import torch

from detection import Detector
from export import detector_to_onnx

GAIN = 1e5


@pytest.fixture(scope="session")
def content(detector: Detector) -> bytes:
    """The ONNX model of a detector, in fp32."""
    return bytes(detector_to_onnx(detector).SerializeToString())


@pytest.fixture(scope="session")
def planted(detector: Detector) -> tuple[Detector, str]:
    """The same function, with a tensor beyond half precision in one place, and its module."""
    other = copy.deepcopy(detector)
    name, before, after = _pair(other)
    with torch.no_grad():
        for parameter in (before.weight, before.bias):
            parameter *= GAIN
        after.weight /= GAIN
    return other.eval(), name


@pytest.fixture(scope="session")
def planted_content(planted: tuple[Detector, str]) -> bytes:
    return bytes(detector_to_onnx(planted[0]).SerializeToString())


def _pair(detector: Detector) -> tuple[str, torch.nn.BatchNorm2d, torch.nn.Conv2d]:
    """Return a normalisation in the middle, and the one convolution that reads what it gives."""
    found = []
    for name, module in detector.nodes.named_modules():
        steps = [list(step) for step in module] if _is_branch(module) else []
        if len(steps) > 1 and isinstance(steps[0][1], torch.nn.BatchNorm2d):
            found.append((name.partition(".")[0], steps[0][1], steps[1][0]))
    return found[len(found) // 2]


def _is_branch(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Sequential) and all(
        isinstance(step, torch.nn.Sequential) and len(list(step)) > 1 for step in module
    )
