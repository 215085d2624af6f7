"""The contract of every backend: on a pretended GPU for each release, and on a real one."""

import pytest

from engines import Backend, BackendConformance, TensorRtBackend
from tests.engines.tensorrt.conftest import Install


class Pretended(BackendConformance):
    device = "cuda:0"
    saved_as = "engine.plan"
    version = ""

    @pytest.fixture
    def backend(self, install: Install) -> Backend:
        return install(self.version)[0]


class TestPretended8(Pretended):
    version = "8.6.1"


class TestPretended10(Pretended):
    version = "10.4.0"


class TestPretended11(Pretended):
    version = "11.4.0.106"


@pytest.mark.gpu
@pytest.mark.tensorrt
class TestTensorRt(BackendConformance):
    device = "cuda:0"
    saved_as = "engine.plan"
    atol = 1e-3

    @pytest.fixture
    def backend(self) -> Backend:
        return TensorRtBackend()
