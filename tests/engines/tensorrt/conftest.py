from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from engines.tensorrt import TensorRtBackend
from tests.engines.tensorrt.fake_cuda import FakeCuda
from tests.engines.tensorrt.pretending import pretend

Install = Callable[..., tuple[TensorRtBackend, Any, FakeCuda]]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that a release of TensorRT and a GPU are installed."""
    return partial(pretend, monkeypatch)
