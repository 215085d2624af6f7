import pytest

from engines import (
    Backend,
    BackendConformance,
    FakeBackend,
    OnnxRuntimeBackend,
    TorchBackend,
    TorchOptions,
)


class TestOnnxRuntime(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return OnnxRuntimeBackend()


class TestTorch(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return TorchBackend()


class TestTorchChannelsLast(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return TorchBackend(TorchOptions(channels_last=True))


class TestFake(BackendConformance):
    evaluates = False

    @pytest.fixture
    def backend(self) -> Backend:
        return FakeBackend(noise=0.01)
