import pytest

from engines import Backend, BackendConformance, FakeBackend, OnnxRuntimeBackend, TorchBackend


class TestOnnxRuntime(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return OnnxRuntimeBackend()


class TestTorch(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return TorchBackend()


class TestFake(BackendConformance):
    evaluates = False

    @pytest.fixture
    def backend(self) -> Backend:
        return FakeBackend(noise=0.01)


@pytest.mark.gpu
class TestTorchOnCuda(BackendConformance):
    device = "cuda:0"
    atol = 1e-3

    @pytest.fixture
    def backend(self) -> Backend:
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("torch sees no CUDA device here")
        return TorchBackend()
