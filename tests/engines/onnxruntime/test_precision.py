"""fp16 and int8 engines: built, run, measured, saved as what they run."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from engines import OnnxModel, OnnxRuntimeBackend, TimingProtocol, TorchModel
from engines.onnxruntime.arithmetic import half_warnings

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


@pytest.mark.parametrize(("precision", "error"), [("fp16", 0.005), ("int8", 0.05)])
def test_it_computes_about_the_same(model: TorchModel, precision: str, error: float) -> None:
    exact = model.torch_module()(torch.from_numpy(X)).detach().numpy()
    with OnnxRuntimeBackend().build(model, precision=precision) as engine:
        assert engine.precision == precision
        found = engine.run({"x": X})["y"]
        assert found.dtype == np.float32
        assert 0 < np.abs(found - exact).max() < error * np.abs(exact).max()
        measurement = engine.measure(TimingProtocol(precision=precision, **FAST))
        assert measurement.protocol.precision == precision


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_what_is_saved_is_what_runs(model: TorchModel, precision: str, tmp_path: Path) -> None:
    backend = OnnxRuntimeBackend()
    with backend.build(model, precision=precision) as engine:
        path = engine.save(tmp_path / "model.onnx")
        found = engine.run({"x": X})["y"]
    saved = OnnxModel(path, {"x": X})
    assert saved.written_in == precision
    with backend.build(saved, precision=precision) as engine:
        np.testing.assert_array_equal(engine.run({"x": X})["y"], found)
        assert engine.save(tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_int8_is_calibrated_on_what_is_given(model: TorchModel, tmp_path: Path) -> None:
    backend = OnnxRuntimeBackend()
    with backend.build(model, precision="int8", calibration=[{"x": X * 4}]) as engine:
        graph = onnx.load(engine.save(tmp_path / "model.onnx")).graph
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    assert float(weights["x_scale"]) == pytest.approx(4 * (X.max() - X.min()) / 255)


def test_int8_runs_in_int8(model: TorchModel, tmp_path: Path) -> None:
    import onnxruntime

    with OnnxRuntimeBackend().build(model, precision="int8") as engine:
        path = engine.save(tmp_path / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert kinds.count("QLinearConv") == 2
    assert not {"Conv", "Relu"} & set(kinds)


def test_what_this_cpu_does_not_do_is_told(
    model: TorchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with OnnxRuntimeBackend().build(model, precision="fp16") as engine:
        assert "no half-precision kernels for this CPU" in engine.warnings[0]
    assert half_warnings("fp32") == half_warnings("int8") == ()
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert half_warnings("fp16") == ()
