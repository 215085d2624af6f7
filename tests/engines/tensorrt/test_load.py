"""A plan is loaded again where it belongs, and nowhere else."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines import (
    EngineBuildError,
    EngineDeviceError,
    EngineReleaseError,
    Kept,
    Loads,
    OnnxModel,
    TensorRtOptions,
    TimingCache,
)
from engines.conformance import small_model
from engines.tensorrt.engine import TensorRtEngine
from tests.engines.tensorrt.conftest import Install
from tests.engines.tensorrt.fake_cuda import H200, V100
from tests.engines.tensorrt.models import finder
from tests.engines.tensorrt.test_backend import RELEASES, batch_of, open_batch_model


def kept_of(engine: TensorRtEngine, tmp_path: Any) -> Kept:
    path = engine.save(tmp_path / "engine.plan")
    return Kept(path.read_bytes(), dict(engine.build_record), dict(engine.build_files))


class Unreadable:
    """A model of which only the name and the examples may be asked."""

    name = "unreadable"
    macs = 0

    def __init__(self, model: Any) -> None:
        self._examples = model.example_inputs()

    def example_inputs(self) -> Any:
        return self._examples

    def onnx_bytes(self) -> bytes:
        raise AssertionError("the model is not to be read")

    def torch_module(self) -> Any:
        raise AssertionError("the model is not to be read")


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_plan_loads_without_its_model(
    install: Install, tmp_path: Any, version: str, precision: str
) -> None:
    backend, trt, cuda = install(version)
    assert isinstance(backend, Loads)
    model = small_model()
    with backend.build(model, precision=precision) as engine:
        wanted = engine.run(model.example_inputs())
        kept, device = kept_of(engine, tmp_path), engine.device
    builds = len(trt.state.configs)
    with backend.load(kept, Unreadable(model), precision=precision, threads=2) as loaded:
        found = loaded.run(model.example_inputs())
        assert list(found) == list(wanted)
        for name, array in wanted.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype
        assert (loaded.precision, loaded.threads) == (precision, 2)
        assert loaded.device == device
        assert loaded.build_record == kept.record
        assert loaded.save(tmp_path / "again.plan").read_bytes() == kept.content
        assert loaded.layer_times(runs=1)[0].nodes == ("/conv/Conv",) or precision != "fp32"
    assert len(trt.state.configs) == builds
    assert trt.state.log[-1] == "plugins"
    assert cuda.memory == {}
    assert cuda.sessions == 0


@pytest.mark.parametrize("version", RELEASES)
def test_open_sizes_and_int64_survive(install: Install, tmp_path: Any, version: str) -> None:
    backend, _, _ = install(version)
    model = open_batch_model()
    with backend.build(model) as engine:
        kept = kept_of(engine, tmp_path)
    with backend.load(kept, Unreadable(model)) as loaded:
        labels = loaded.run(batch_of(1))["labels"]
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, batch_of(1)["ids"] * 2)


def test_the_identity_keeps_its_timing_cache(install: Install, tmp_path: Any) -> None:
    options = TensorRtOptions(timing_cache=TimingCache(b"pinned"), level=4)
    backend, _, _ = install("10.4.0", options=options)
    with backend.build(small_model()) as engine:
        kept, device = kept_of(engine, tmp_path), engine.device
    plain = backend.with_options(["level=4"])  # as a bundle has it
    with plain.load(kept, Unreadable(small_model())) as loaded:
        assert loaded.device.fingerprint == device.fingerprint


def built(install: Install, tmp_path: Any, **pretended: Any) -> Kept:
    backend, _, _ = install(**pretended)
    with backend.build(small_model(), precision="int8") as engine:
        return kept_of(engine, tmp_path)


@pytest.mark.parametrize("version", ["10.4.1", "10.3.0", "8.6.1", "11.4.0"])
def test_another_tensorrt_is_refused(install: Install, tmp_path: Any, version: str) -> None:
    kept = built(install, tmp_path, version="10.4.0")
    backend, _, cuda = install(version)
    with pytest.raises(
        EngineReleaseError, match=rf"built by TensorRT 10\.4\.0, .*; installed is {version}"
    ):
        backend.load(kept, Unreadable(small_model()))
    assert cuda.sessions == 0


def test_another_compute_capability_is_refused(install: Install, tmp_path: Any) -> None:
    kept = built(install, tmp_path, version="10.4.0", on=V100)
    backend, _, cuda = install("10.4.0", on=H200)
    with pytest.raises(
        EngineDeviceError,
        match=r"for compute capability 7\.0, this GPU \(NVIDIA H200\) has 9\.0",
    ):
        backend.load(kept, Unreadable(small_model()))
    assert cuda.sessions == 0


def test_another_board_of_the_same_capability_is_taken(install: Install, tmp_path: Any) -> None:
    """Whether its measurements hold is another question."""
    kept = built(install, tmp_path, version="10.4.0", on=V100)
    bigger = replace(V100, name="Tesla V100-SXM2-32GB")
    install("10.4.0", on=bigger)[0].load(kept, Unreadable(small_model())).close()


def test_what_is_no_plan_is_refused_in_tensorrts_words(install: Install, tmp_path: Any) -> None:
    kept = replace(built(install, tmp_path), content=b"none at all")
    backend, _, cuda = install()
    with pytest.raises(EngineBuildError, match=r"cannot load the plan: .*magicTagRead failed"):
        backend.load(kept, Unreadable(small_model()))
    assert cuda.sessions == 0


@pytest.mark.parametrize("model", [finder(), open_batch_model()])
def test_the_plan_of_another_model_is_refused(
    install: Install, tmp_path: Any, model: OnnxModel
) -> None:
    kept = built(install, tmp_path)
    with pytest.raises(EngineBuildError, match="the engine of another model; build it anew"):
        install()[0].load(kept, Unreadable(model))


def test_other_outputs_than_recorded_are_refused(install: Install, tmp_path: Any) -> None:
    kept = built(install, tmp_path)
    record = {**kept.record, "outputs": json.dumps({"features": "float32", "sum": "float32"})}
    with pytest.raises(EngineBuildError, match=r"gives features, total, the model gives .*sum"):
        install()[0].load(replace(kept, record=record), Unreadable(small_model()))


def test_a_record_of_something_else_is_refused(install: Install, tmp_path: Any) -> None:
    kept = replace(built(install, tmp_path), record={})
    with pytest.raises(EngineBuildError, match="missing or unknown fields: calibration, "):
        install()[0].load(kept, Unreadable(small_model()))


@pytest.mark.parametrize("version", ["8.6.1", "10.4.0"])
def test_int8_is_built_anew_from_what_calibration_found(
    install: Install, tmp_path: Any, version: str
) -> None:
    kept = built(install, tmp_path, version="10.4.0", on=V100)
    backend, trt, _ = install(version)
    with backend.rebuild(kept, small_model(), precision="int8") as engine:
        assert trt.state.calibrations == [b"scales"]
        assert trt.state.batches == []
        assert engine.build_record["capability"] == "9.0"
        assert engine.build_record["calibration"] == kept.record["calibration"]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_11_builds_anew_by_the_graph(install: Install, tmp_path: Any, precision: str) -> None:
    kept = built(install, tmp_path, version="10.4.0")
    with install("11.4.0")[0].rebuild(kept, small_model(), precision=precision) as engine:
        assert engine.build_record["tensorrt"] == "11.4.0"


def test_loading_needs_neither_onnx_nor_torch() -> None:
    """The modules that load a plan import what a device without them lacks nowhere."""
    code = (
        "import sys; sys.modules['onnx'] = sys.modules['torch'] = None\n"
        "import engines.tensorrt.engine, engines.tensorrt.backend, engines.tensorrt.api\n"
        "from engines import Kept, TensorRtBackend\n"
        "try:\n"
        "    TensorRtBackend().load(Kept(b'', {}), None)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "EngineBuildError\n", done.stderr
