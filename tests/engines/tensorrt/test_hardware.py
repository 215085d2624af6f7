"""What only a GPU with TensorRT can show: never run where these tests were written."""

from pathlib import Path

import numpy as np
import pytest

from engines import (
    EngineBuildError,
    TensorRtBackend,
    TensorRtOptions,
    TimingCache,
    attribute,
    get_backend,
)
from engines.conformance import small_model
from engines.tensorrt.cuda import installed_packages

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
