"""Have the engine find a pretended TensorRT and a pretended GPU."""

from typing import Any

import pytest

from engines.tensorrt import TensorRtBackend, backend, gpu, installed, releases
from engines.tensorrt.cuda import Gpu
from tests.engines.tensorrt.fake_cuda import H200, FakeCuda
from tests.engines.tensorrt.fake_trt import fake_trt


def pretend(
    monkeypatch: pytest.MonkeyPatch,
    version: str = "10.4.0",
    *,
    on: Gpu = H200,
    options: Any = None,
    **behaviour: Any,
) -> tuple[TensorRtBackend, Any, FakeCuda]:
    """Install a release for the time of a test; return a backend, the module and the GPU."""
    cuda = FakeCuda(on)
    trt = fake_trt(version, cuda, **behaviour)
    monkeypatch.setattr(installed, "load_api", lambda: releases.api_for(trt))
    monkeypatch.setattr(installed, "load_cuda", lambda name: cuda)
    monkeypatch.setattr(backend, "missing_parts", lambda: ())
    monkeypatch.setattr(gpu, "query_nvidia_smi", lambda uuid: {"sm": "1380", "memory": "877"})
    monkeypatch.setattr(gpu, "nvidia_driver", lambda: "550.54.15")
    return TensorRtBackend(options), trt, cuda
