from collections.abc import Callable
from typing import Any

import pytest

from engines.tensorrt import TensorRtBackend, api, backend, gpu
from engines.tensorrt.cuda import Gpu
from tests.engines.tensorrt.fake_cuda import H200, FakeCuda
from tests.engines.tensorrt.fake_trt import fake_trt

Install = Callable[..., tuple[TensorRtBackend, Any, FakeCuda]]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that a release of TensorRT and a GPU are installed."""

    def pretend(
        version: str = "10.4.0", *, on: Gpu = H200, options: Any = None, **behaviour: Any
    ) -> tuple[TensorRtBackend, Any, FakeCuda]:
        cuda = FakeCuda(on)
        trt = fake_trt(version, cuda, **behaviour)
        monkeypatch.setattr(api, "load_api", lambda: api.api_for(trt))
        monkeypatch.setattr(backend, "load_cuda", lambda name: cuda)
        monkeypatch.setattr(backend, "missing_parts", lambda: ())
        monkeypatch.setattr(gpu, "query_nvidia_smi", lambda uuid: {"sm": "1380", "memory": "877"})
        monkeypatch.setattr(gpu, "nvidia_driver", lambda: "550.54.15")
        return TensorRtBackend(options), trt, cuda

    return pretend
