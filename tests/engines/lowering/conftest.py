from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from engines import to_onnx

IMAGE = np.random.default_rng(0).standard_normal((1, 3, 8, 10)).astype(np.float32)


class Net(torch.nn.Module):
    """Convolutions with a residual, a pool and a decoder of coordinates beyond 1024."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.second = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.linear = torch.nn.Linear(8, 4)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.relu(self.first(image))
        x = torch.nn.functional.max_pool2d(torch.relu(self.second(x) + x), 2)
        deltas = self.linear(x.flatten(2).transpose(1, 2))
        boxes = deltas * 0.125 + 1999.5
        return x, boxes


@pytest.fixture
def image() -> np.ndarray:
    return IMAGE


@pytest.fixture
def net() -> Net:
    with torch.random.fork_rng():
        return Net()


@pytest.fixture
def write() -> Callable[[torch.nn.Module], bytes]:
    def written(net: torch.nn.Module) -> bytes:
        return to_onnx(net, {"image": IMAGE}, ("features", "boxes")).SerializeToString()

    return written


@pytest.fixture
def content(net: Net, write: Callable[[torch.nn.Module], bytes]) -> bytes:
    return write(net)


@pytest.fixture
def run() -> Callable[..., list[Any]]:
    def ran(content: bytes, feeds: Mapping[str, Any] | None = None) -> list[Any]:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        return session.run(None, dict(feeds or {"image": IMAGE}))

    return ran


@pytest.fixture
def overflow(net: Net) -> Net:
    """The same function, with a tensor beyond half precision between two convolutions."""
    with torch.no_grad():
        net.first.weight *= 1e5
        net.first.bias *= 1e5
        net.second.weight *= 1e-5
        net.linear.weight *= 1e-5
    return net
