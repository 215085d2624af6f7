"""fp16 and int8 engines: built, run, measured; what the processor cannot do is told."""

import numpy as np
import pytest
import torch

from engines import EngineBuildError, OpenVinoBackend, OpenVinoOptions, TimingProtocol, TorchModel
from engines.openvino import arithmetic

pytest.importorskip("openvino")

FAST = {
    "warmup_min_ms": 0.0,
    "min_samples": 6,
    "max_samples": 6,
    "max_seconds": 0.2,
    "target_rel_ci": 1.0,
}
X = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)


@pytest.fixture
def model() -> TorchModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(16, 8, 3, padding=1),
        )
    return TorchModel(net, {"x": X}, ("y",), name="net")


@pytest.fixture
def capabilities(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    known = ["FP32", "INT8"]
    monkeypatch.setattr(arithmetic, "capabilities", lambda: tuple(known))
    return known


@pytest.mark.parametrize(("precision", "error"), [("fp16", 0.005), ("int8", 0.05)])
def test_it_computes_about_the_same(model: TorchModel, precision: str, error: float) -> None:
    exact = model.torch_module()(torch.from_numpy(X)).detach().numpy()
    with OpenVinoBackend().build(model, precision=precision) as engine:
        assert engine.precision == precision
        found = engine.run({"x": X})["y"]
        assert found.dtype == np.float32
        assert 0 < np.abs(found - exact).max() < error * np.abs(exact).max()
        measurement = engine.measure(TimingProtocol(precision=precision, **FAST))
        assert measurement.protocol.precision == precision
        assert engine.layer_times(runs=1)


def test_int8_runs_in_int8(model: TorchModel) -> None:
    with OpenVinoBackend().build(model, precision="int8") as engine:
        layers = engine._compiled.get_runtime_model().get_ops()  # what the plugin will run
        told = [layer.get_rt_info() for layer in layers]
    kinds = {
        info["runtimePrecision"].astype(str)
        for info in told
        if info["layerType"].astype(str) == "Convolution"
    }
    assert kinds <= {"i8", "u8"}
    assert kinds


def test_half_is_asked_for_only_where_the_cpu_has_it(
    model: TorchModel, capabilities: list[str]
) -> None:
    assert arithmetic.hint_of("fp16", "fp16") == "f32"
    with OpenVinoBackend().build(model, precision="fp16") as engine:
        assert "no half-precision arithmetic" in engine.warnings[0]
    capabilities.append("FP16")
    assert arithmetic.hint_of("fp16", "fp16") == "f16"
    assert arithmetic.half_warnings("fp16", "f16") == ()
    assert arithmetic.hint_of("int8", "fp16") == arithmetic.hint_of("fp32", "fp16") == "f32"


def test_bfloat16_is_an_option_where_the_cpu_has_it(
    model: TorchModel, capabilities: list[str]
) -> None:
    backend = OpenVinoBackend(OpenVinoOptions(half="bf16"))
    with pytest.raises(EngineBuildError, match="does not compute in bf16, but in FP32, INT8"):
        backend.build(model, precision="fp16")
    capabilities.append("BF16")
    assert arithmetic.hint_of("fp16", "bf16") == "bf16"
    with pytest.raises(EngineBuildError, match="leave it out at precision int8"):
        backend.build(model, precision="int8")
    assert backend.probe().options == "half=bf16"
    with pytest.raises(EngineBuildError, match="half must be one of fp16, bf16, got 'fp8'"):
        OpenVinoOptions(half="fp8")


def test_bfloat16_rounds_more(model: TorchModel) -> None:
    if "BF16" not in arithmetic.capabilities():
        pytest.skip("this CPU does not compute in bfloat16")
    exact = model.torch_module()(torch.from_numpy(X)).detach().numpy()
    with OpenVinoBackend(OpenVinoOptions(half="bf16")).build(model, precision="fp16") as engine:
        error = np.abs(engine.run({"x": X})["y"] - exact).max() / np.abs(exact).max()
        assert engine.warnings == ()
    assert 0.001 < error < 0.05
