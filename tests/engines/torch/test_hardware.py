"""What only a CUDA device can show: never run where these tests were written."""

import numpy as np
import pytest
import torch

from engines import (
    Backend,
    BackendConformance,
    EngineBuildError,
    TimingProtocol,
    TorchBackend,
    TorchModel,
    TorchOptions,
)
from engines.conformance import small_model
from engines.options import options_text
from engines.torch.options import OPTIONS

pytestmark = pytest.mark.gpu
GRAPHS = TorchOptions(graphs="required")


@pytest.mark.parametrize(
    "chosen",
    [
        TorchOptions(),
        GRAPHS,
        TorchOptions(channels_last=True),
        TorchOptions(channels_last=True, graphs="required"),
        pytest.param(TorchOptions(compile="default", graphs="auto"), marks=pytest.mark.slow),
    ],
    ids=lambda chosen: options_text(OPTIONS, chosen),
)
class TestCuda(BackendConformance):
    device = "cuda:0"
    atol = 1e-3

    @pytest.fixture
    def backend(self, chosen: TorchOptions) -> Backend:
        return TorchBackend(chosen)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_cuda_agrees_with_the_cpu(precision: str) -> None:
    model = small_model()
    wanted = TorchBackend().build(model).run(model.example_inputs())
    with TorchBackend().build(model, device="cuda:0", precision=precision) as engine:
        given = engine.run(model.example_inputs())
        measured = engine.measure(TimingProtocol(precision=precision, max_seconds=1))
    tolerance = 1e-4 if precision == "fp32" else 5e-2
    for name, array in wanted.items():
        assert given[name].dtype == array.dtype
        np.testing.assert_allclose(given[name], array, tolerance, tolerance)
    assert measured.device.kind == "cuda"


def test_cuda_flags_are_restored() -> None:
    before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    TorchBackend().build(small_model(), device="cuda:0").run(small_model().example_inputs())
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_cuda_time_is_that_of_finished_work() -> None:
    # Launching is asynchronous: without synchronisation both would take the launch time.
    def milliseconds(size: int) -> float:
        arrays = {"x": np.ones((size, size), np.float32)}
        module = torch.nn.Linear(size, size)
        timer = TorchBackend().build(TorchModel(module, arrays), device="cuda:0").timer()
        timer(3)
        return timer(5)

    assert milliseconds(4096) > 3 * milliseconds(256)


def _small(width: int = 64, layers: int = 20) -> TorchModel:
    """Return many small kernels: slower to launch than to run."""
    blocks = [torch.nn.Conv2d(width, width, 3, padding=1) for _ in range(layers)]
    module = torch.nn.Sequential(*blocks).eval()
    rng = np.random.default_rng(0)
    return TorchModel(module, {"x": rng.standard_normal((1, width, 8, 8)).astype(np.float32)})


def test_a_graph_computes_on_the_inputs_it_is_given() -> None:
    model = _small()
    other = {"x": model.example_inputs()["x"][..., ::-1].copy()}
    with (
        TorchBackend().build(model, device="cuda:0") as launched,
        TorchBackend(GRAPHS).build(model, device="cuda:0") as replayed,
    ):
        assert replayed.warnings == ()
        for inputs in (other, model.example_inputs(), other):
            wanted, given = launched.run(inputs)["output"], replayed.run(inputs)["output"]
            np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-4)


def test_a_graph_takes_less_time_than_the_launches_of_small_kernels() -> None:
    model = _small()
    with (
        TorchBackend().build(model, device="cuda:0") as launched,
        TorchBackend(GRAPHS).build(model, device="cuda:0") as replayed,
    ):
        slow, fast = launched.timer(), replayed.timer()
        slow(20), fast(20)
        assert min(fast(50) for _ in range(5)) < 0.9 * min(slow(50) for _ in range(5))


class Synchronizes(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1 if x.sum().item() > 0 else x - 1


def test_what_synchronizes_is_launched_and_says_so() -> None:
    x = np.ones((1, 3), np.float32)
    model = TorchModel(Synchronizes(), {"x": x})
    with TorchBackend(TorchOptions(graphs="auto")).build(model, device="cuda:0") as engine:
        assert "no CUDA graph" in engine.warnings[0]
        np.testing.assert_array_equal(engine.run({"x": -x})["output"], x * -2)
        assert engine.timer()(3) > 0
    with pytest.raises(EngineBuildError, match="cannot be captured as a CUDA graph"):
        TorchBackend(GRAPHS).build(model, device="cuda:0")
    # The device still works after both failures, and still captures.
    with TorchBackend(GRAPHS).build(_small(layers=2), device="cuda:0") as engine:
        assert engine.timer()(3) > 0


@pytest.mark.parametrize("half", ["fp16", "bf16"])
@pytest.mark.parametrize("graphs", ["off", "required"])
def test_half_precision_agrees_and_its_type_is_recorded(half: str, graphs: str) -> None:
    if half == "bf16" and torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this GPU has no bf16")
    model = _small(layers=2)
    wanted = TorchBackend().build(model).run(model.example_inputs())["output"]
    backend = TorchBackend(TorchOptions(half=half, graphs=graphs, channels_last=True))
    with backend.build(model, precision="fp16", device="cuda:0") as engine:
        given = engine.run(model.example_inputs())["output"]
        assert engine.warnings == ()
    assert f"half={half}" in engine.device.options or half == "fp16"
    np.testing.assert_allclose(given, wanted, rtol=0.05, atol=0.05)
    assert np.abs(given - wanted).max() > 0


def test_bf16_is_refused_where_the_gpu_lacks_it() -> None:
    if torch.cuda.get_device_capability() >= (8, 0):
        pytest.skip("this GPU has bf16")
    with pytest.raises(EngineBuildError, match="has no bf16 arithmetic"):
        TorchBackend(TorchOptions(half="bf16")).build(
            small_model(), precision="fp16", device="cuda:0"
        )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler's own
@pytest.mark.parametrize("compile_", ["default", "max-autotune"])
@pytest.mark.parametrize("graphs", ["off", "required"])
def test_compiled_modules_agree(compile_: str, graphs: str) -> None:
    model = _small(layers=2)
    wanted = TorchBackend().build(model).run(model.example_inputs())["output"]
    backend = TorchBackend(TorchOptions(compile=compile_, graphs=graphs))
    with backend.build(model, device="cuda:0") as engine:
        given = engine.run(model.example_inputs())["output"]
    np.testing.assert_allclose(given, wanted, rtol=1e-3, atol=1e-3)
