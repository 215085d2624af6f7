"""What only a GPU with TensorRT can show: never run where these tests were written."""

from pathlib import Path

import numpy as np
import pytest

from engines import (
    EngineBuildError,
    Kept,
    OnnxModel,
    TensorRtBackend,
    TensorRtOptions,
    TimingCache,
    attribute,
    get_backend,
)
from engines.conformance import small_model
from engines.lowering import lower
from engines.tensorrt.cuda import installed_packages
from tests.engines.tensorrt.models import finder, two_heads

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt]
TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2, "int8": 0.5}


@pytest.mark.parametrize("cuda", ["pycuda", "cuda-python"])
@pytest.mark.parametrize("precision", TOLERANCE)
def test_outputs_are_those_of_torch(cuda: str, precision: str) -> None:
    if cuda not in installed_packages():
        pytest.skip(f"{cuda} is not installed")
    model = small_model()
    inputs = model.example_inputs()
    with get_backend("onnxruntime").build(model) as reference:
        wanted = reference.run(inputs)
    with TensorRtBackend(TensorRtOptions(cuda=cuda)).build(model, precision=precision) as engine:
        for name, array in engine.run(inputs).items():
            np.testing.assert_allclose(array, wanted[name], atol=TOLERANCE[precision] * 10)


def test_layers_come_back_to_nodes() -> None:
    with TensorRtBackend().build(small_model()) as engine:
        layers = engine.layer_times()
        assert all(layer.ms >= 0 for layer in layers)
        nodes = {node for layer in layers for node in layer.nodes}
        assert any("conv" in node.lower() for node in nodes)
        assert attribute(layers, ["conv"]).modules


def test_a_timing_cache_repeats_a_build(tmp_path: Path) -> None:
    with TensorRtBackend(TensorRtOptions(timing_cache=TimingCache())).build(
        small_model()
    ) as first:
        assert first.timing_cache is not None
        digest = first.timing_cache.save(tmp_path / "timing.cache")
    pinned = TimingCache.read(tmp_path / "timing.cache", digest)
    with TensorRtBackend(TensorRtOptions(timing_cache=pinned)).build(small_model()) as second:
        assert pinned.label in second.device.engine_version
    broken = TimingCache(b"no timing cache")
    with pytest.raises(EngineBuildError):
        TensorRtBackend(TensorRtOptions(timing_cache=broken)).build(small_model())


@pytest.mark.parametrize("precision", TOLERANCE)
def test_a_plan_comes_back_as_it_was(tmp_path: Path, precision: str) -> None:
    model, backend = small_model(), TensorRtBackend()
    with backend.build(model, precision=precision) as engine:
        wanted = engine.run(model.example_inputs())
        path = engine.save(tmp_path / "engine.plan")
        kept = Kept(path.read_bytes(), engine.build_record, engine.build_files)
    with backend.load(kept, model, precision=precision) as loaded:
        for name, array in loaded.run(model.example_inputs()).items():
            np.testing.assert_array_equal(array, wanted[name])
    with pytest.raises(EngineBuildError, match="cannot load the plan"):
        backend.load(Kept(b"no plan", kept.record), model, precision=precision)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_graphs_that_say_their_precision(precision: str) -> None:
    """Quantised and half graphs build in strongly typed networks, also where weak ones exist."""
    model = two_heads()
    with get_backend("onnxruntime").build(model) as reference:
        wanted = reference.run(model.example_inputs())
    written = OnnxModel(lower(model, precision).content, model.example_inputs())
    with TensorRtBackend().build(written, precision=precision) as engine:
        found = engine.run(model.example_inputs())
    np.testing.assert_allclose(found["scores"], wanted["scores"], atol=TOLERANCE[precision])


def test_outputs_are_as_large_as_what_is_found() -> None:
    x = np.array([1, -1, 2, 0, 3, -4], np.float32)
    with TensorRtBackend().build(finder()) as engine:
        for given in (x, -np.ones(6, np.float32), x):
            found = engine.run({"x": given})
            np.testing.assert_array_equal(found["places"], np.stack(np.nonzero(given > 0)))
