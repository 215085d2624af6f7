"""What is asked of TensorRT for every option, on each release."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from engines import (
    BatchRange,
    EngineBuildError,
    EngineInputError,
    EngineRunError,
    EngineUnavailableError,
    OnnxModel,
    TensorRtBackend,
    TensorRtOptions,
    TimingCache,
    attribute,
)
from engines.conformance import small_model
from tests.engines.tensorrt.conftest import Install
from tests.engines.tensorrt.fake_cuda import V100

RELEASES = ("8.6.1", "10.4.0", "11.4.0")


def flags_of(trt: Any) -> set[str]:
    return {flag.name for flag in trt.state.configs[-1].flags}


def open_batch_model() -> OnnxModel:
    """Image (N, 3, 4, 4) times two, and the number of rows as int64."""
    make = onnx.helper.make_tensor_value_info
    kinds = onnx.TensorProto
    two = onnx.numpy_helper.from_array(np.float32(2.0), "two")
    nodes = [
        onnx.helper.make_node("Mul", ["image", "two"], ["twice"], name="/head/Mul"),
        onnx.helper.make_node("Add", ["ids", "ids"], ["labels"], name="/head/Add"),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "open",
        [make("image", kinds.FLOAT, ["n", 3, 4, 4]), make("ids", kinds.INT64, ["n", 2])],
        [make("twice", kinds.FLOAT, ["n", 3, 4, 4]), make("labels", kinds.INT64, ["n", 2])],
        [two],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    content = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return OnnxModel(content, batch_of(1), name="open")


def batch_of(size: int) -> dict[str, Any]:
    rng = np.random.default_rng(size)
    image = rng.standard_normal((size, 3, 4, 4)).astype(np.float32)
    return {"image": image, "ids": np.arange(2 * size, dtype=np.int64).reshape(size, 2)}


@pytest.mark.parametrize("version", RELEASES)
def test_fp32_is_never_tf32_and_layers_can_be_told_apart(install: Install, version: str) -> None:
    backend, trt, _ = install(version)
    backend.build(small_model()).close()
    config = trt.state.configs[-1]
    assert config.flags == set()
    assert config.profiling_verbosity == trt.ProfilingVerbosity.DETAILED
    assert config.builder_optimization_level == 3
    assert config.pools == {}
    assert trt.state.networks[-1].flags == (0 if version == "11.4.0" else 1)
    assert trt.state.log == ["plugins", "plugins"]  # before parsing, and before loading


def test_fp16_is_a_flag_or_a_graph(install: Install) -> None:
    for version, flags, half in (
        ("8.6.1", {"FP16", "PREFER_PRECISION_CONSTRAINTS"}, False),
        ("10.4.0", {"FP16", "PREFER_PRECISION_CONSTRAINTS"}, False),
        ("11.4.0", set(), True),
    ):
        backend, trt, _ = install(version)
        with backend.build(small_model(), precision="fp16") as engine:
            assert flags_of(trt) == flags
            graph = onnx.load_from_string(trt.state.networks[-1].content).graph
            assert any(node.op_type == "Cast" for node in graph.node) == half
            assert engine.precision == "fp16"
            outputs = engine.run(small_model().example_inputs())
            assert outputs["features"].dtype == np.float32


@pytest.mark.parametrize("version", RELEASES[:2])
def test_fp16_leaves_arithmetic_on_coordinates_exact(install: Install, version: str) -> None:
    backend, trt, _ = install(version)
    backend.build(open_batch_model(), precision="fp16").close()
    product, integer_sum = trt.state.networks[-1].layers
    assert product.precision == trt.DataType.FLOAT
    assert integer_sum.precision is None
    backend.build(small_model(), precision="fp16").close()
    precisions = {layer.name: layer.precision for layer in trt.state.networks[-1].layers}
    assert precisions["/conv/Conv"] is None
    assert precisions["/Add"] == trt.DataType.FLOAT  # the bias comes from outside, in float32


def test_int8_is_a_calibrator_or_a_graph(install: Install) -> None:
    batches = [small_model().example_inputs() for _ in range(3)]
    for number, batch in enumerate(batches):
        batch["image"] = batch["image"] * (number + 1)
    for version in RELEASES:
        backend, trt, cuda = install(version)
        with backend.build(small_model(), precision="int8", calibration=batches):
            graph = onnx.load_from_string(trt.state.networks[-1].content).graph
            quantised = any(node.op_type == "QuantizeLinear" for node in graph.node)
            assert quantised == (version == "11.4.0")
            flags = {"INT8", "PREFER_PRECISION_CONSTRAINTS"}
            assert flags_of(trt) == (set() if quantised else flags)
            wanted = [] if quantised else [[a.tobytes() for a in b.values()] for b in batches]
            assert trt.state.batches == wanted
        assert cuda.memory == {}


def test_int8_falls_back_on_the_example_inputs(install: Install) -> None:
    backend, trt, _ = install("10.4.0")
    backend.build(small_model(), precision="int8").close()
    assert len(trt.state.batches) == 1


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        ([], EngineBuildError, "calibration holds no batches"),
        ([{}], EngineInputError, "'image' is missing"),
        ([{"image": 1, "bias": 2}], EngineInputError, "'image' must be a NumPy array"),
    ],
)
def test_calibration_that_does_not_fit(
    install: Install, batches: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        install()[0].build(small_model(), precision="int8", calibration=batches)


def test_calibration_batches_have_the_size_that_tensorrt_reads(install: Install) -> None:
    """A shorter one would be read beyond its end."""
    options = TensorRtOptions(batch=BatchRange(1, 4, 8))
    backend, trt, _ = install("10.4.0", options=options)
    backend.build(open_batch_model(), precision="int8", calibration=[batch_of(4)]).close()
    config = trt.state.configs[-1]
    assert config.calibration_profile is config.profiles[0]
    with pytest.raises(EngineInputError, match=r"batch 1 has \(2, 3, 4, 4\).*at \(4, 3, 4, 4\)"):
        backend.build(open_batch_model(), precision="int8", calibration=[batch_of(4), batch_of(2)])


def test_a_failing_upload_is_no_end_of_the_batches(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT prints what a calibrator raises and calibrates on what it has."""
    backend, _, cuda = install("10.4.0")

    def fail(*_: Any) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr(cuda, "upload", fail)
    with pytest.raises(EngineBuildError, match="calibration failed: out of memory"):
        backend.build(small_model(), precision="int8")
    assert cuda.sessions == 0


def test_options_reach_the_builder(install: Install) -> None:
    options = TensorRtOptions(workspace_bytes=1 << 20, level=1)
    backend, trt, _ = install(options=options)
    backend.build(small_model()).close()
    config = trt.state.configs[-1]
    assert config.pools == {trt.MemoryPoolType.WORKSPACE: 1 << 20}
    assert config.builder_optimization_level == 1


@pytest.mark.parametrize("version", RELEASES)
def test_a_range_of_batches(install: Install, version: str) -> None:
    backend, trt, cuda = install(version, options=TensorRtOptions(batch=BatchRange(1, 2, 4)))
    with backend.build(open_batch_model()) as engine:
        (profile,) = trt.state.configs[-1].profiles
        assert profile.shapes["image"] == ((1, 3, 4, 4), (2, 3, 4, 4), (4, 3, 4, 4))
        assert profile.shapes["ids"] == ((1, 2), (2, 2), (4, 2))
        for size in (1, 4, 2):
            given = batch_of(size)
            outputs = engine.run(given)
            np.testing.assert_array_equal(outputs["twice"], given["image"] * 2)
            np.testing.assert_array_equal(outputs["labels"], given["ids"] * 2)
            assert outputs["labels"].dtype == np.int64
        with pytest.raises(EngineInputError, match=r"'image' has shape \(5, 3, 4, 4\)"):
            engine.run(batch_of(5))
        assert engine.timer(batch_of(3))(2) > 0
    assert cuda.memory == {}


def test_open_sizes_without_a_range_are_the_examples(install: Install) -> None:
    backend, trt, _ = install()
    backend.build(open_batch_model()).close()
    assert trt.state.configs[-1].profiles[0].shapes["ids"] == ((1, 2),) * 3


def test_a_range_needs_an_open_dimension(install: Install) -> None:
    backend, _, cuda = install(options=TensorRtOptions(batch=BatchRange(1, 2, 4)))
    with pytest.raises(EngineBuildError, match="inputs have fixed shapes"):
        backend.build(small_model())
    assert cuda.sessions == 0


@pytest.mark.parametrize("sizes", [(0, 1, 2), (2, 1, 4), (1, 4, 2), (1, 2, 2.5), (True, 1, 1)])
def test_ranges_that_are_none(sizes: tuple[Any, ...]) -> None:
    with pytest.raises(EngineBuildError, match="BatchRange"):
        BatchRange(*sizes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"on_cache_miss": "ask"}, "time, refuse, got 'ask'"),
        ({"on_cache_miss": "refuse"}, "needs a timing_cache"),
        ({"typing": "loose"}, "auto, weak, strong, got 'loose'"),
        ({"level": 6}, "level must be 0 to 5, got 6"),
        ({"workspace_bytes": 0}, "workspace_bytes must be >= 1, got 0"),
    ],
)
def test_options_that_are_none(values: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        TensorRtOptions(**values)


@pytest.mark.parametrize("version", RELEASES)
def test_a_pinned_timing_cache(install: Install, version: str, tmp_path: Path) -> None:
    pinned = TimingCache(b"pinned")
    backend, _, _ = install(version, options=TensorRtOptions(timing_cache=pinned))
    plain = TensorRtBackend()
    with backend.build(small_model()) as engine, plain.build(small_model()) as other:
        assert engine.device.engine_version == f"{version} (timing cache {pinned.label})"
        assert other.device.engine_version == version
        assert engine.device.fingerprint != other.device.fingerprint
        assert engine.device == backend.probe("cuda:0")
        assert engine.timing_cache == TimingCache(b"pinned+timed")
        assert other.timing_cache is None
        digest = engine.timing_cache.save(tmp_path / "cache")
        assert TimingCache.read(tmp_path / "cache", digest) == engine.timing_cache
    assert pinned.content == b"pinned"


def test_misses_can_be_refused_since_10(install: Install) -> None:
    options = TensorRtOptions(timing_cache=TimingCache(b"x"), on_cache_miss="refuse")
    for version in RELEASES[1:]:
        backend, trt, _ = install(version, options=options)
        backend.build(small_model()).close()
        assert flags_of(trt) == {"ERROR_ON_TIMING_CACHE_MISS"}
    with pytest.raises(EngineBuildError, match="cannot refuse"):
        install("8.6.1", options=options)[0].build(small_model())


def test_a_timing_cache_of_another_gpu_is_refused(install: Install) -> None:
    options = TensorRtOptions(timing_cache=TimingCache(b"x"))
    with pytest.raises(EngineBuildError, match=r"refuses timing cache 2d711642b726.*another GPU"):
        install(options=options, cache_fits=False)[0].build(small_model())


@pytest.mark.parametrize("version", RELEASES)
def test_all_nodes_that_cannot_be_read_are_listed(install: Install, version: str) -> None:
    errors = [(0, "no importer"), (1, "an attribute"), (99, "somewhere")]
    backend, _, cuda = install(version, parser_errors=errors)
    with pytest.raises(EngineBuildError) as caught:
        backend.build(open_batch_model())
    message = str(caught.value)
    assert f"TensorRT {version} cannot read 3 nodes" in message
    assert "node 0 '/head/Mul' (Mul): no importer" in message
    assert "node 1 '/head/Add' (Add): an attribute" in message
    assert "node 99 '' (unknown operator): somewhere" in message
    assert cuda.sessions == 0


def test_a_failing_build_repeats_tensorrts_words(install: Install) -> None:
    backend, _, cuda = install(builds=False)
    with pytest.raises(
        EngineBuildError, match=r"builds no engine: no implementation for node /conv"
    ):
        backend.build(small_model())
    assert cuda.sessions == 0
    assert cuda.memory == {}


def test_a_plan_that_does_not_load(install: Install) -> None:
    backend, _, cuda = install(loads=False)
    with pytest.raises(EngineBuildError, match="cannot load the plan"):
        backend.build(small_model())
    assert cuda.sessions == 0


def test_inputs_without_a_place(install: Install) -> None:
    with pytest.raises(EngineBuildError, match="values of 'bias' decide shapes"):
        install(shape_input="bias")[0].build(small_model())


def test_a_failing_run_is_an_error(install: Install) -> None:
    backend, trt, _ = install()
    with backend.build(small_model()) as engine:
        timer = engine.timer()
        trt.state.behaviour["runs"] = False
        for call in (lambda: engine.run(small_model().example_inputs()), lambda: timer(3)):
            with pytest.raises(EngineRunError, match="failed to run the model"):
                call()


def test_a_timer_runs_as_often_as_asked(install: Install) -> None:
    """Once more, outside the clock, after the engine ran on something else."""
    backend, trt, _ = install()
    model = small_model()
    with backend.build(model) as engine:
        timer, other = engine.timer(), engine.timer()
        for call, runs, taken in ((timer, 3, 4), (timer, 3, 3), (other, 2, 3), (other, 2, 2)):
            before = trt.state.runs
            call(runs)
            assert trt.state.runs - before == taken
        engine.run(model.example_inputs())
        before = trt.state.runs
        assert timer(1) > 0
        assert trt.state.runs - before == 2


def test_timers_keep_their_own_inputs(install: Install) -> None:
    """Running, or making another timer, does not change what a timer runs on."""
    backend, _, cuda = install(options=TensorRtOptions(batch=BatchRange(1, 2, 4)))
    with backend.build(open_batch_model()) as engine:
        timer = engine.timer(batch_of(4))
        engine.run(batch_of(1))
        assert timer(1) > 0
        engine.timer(batch_of(2))(1)
        assert timer(1) > 0
    assert cuda.memory == {}
    assert cuda.active == cuda.sessions == 0


@pytest.mark.parametrize("version", RELEASES)
def test_layer_times_by_module(install: Install, version: str) -> None:
    backend, _, cuda = install(version)
    with backend.build(open_batch_model()) as engine:
        layers = engine.layer_times(runs=3)
        assert [(layer.name, layer.ms) for layer in layers] == [
            ("layer_0", 0.5),
            ("layer_1", 1.5),
            ("Reformatting CopyNode for nobody", 0.25),
        ]
        assert layers[0].nodes == ("/head/Mul",)
        times = attribute(layers, ["head"])
        assert times.modules == {"head": 2.0}
        assert times.unattributed_ms == 0.25
        before = len(cuda.memory)
        engine.layer_times(runs=1)
        assert len(cuda.memory) == before  # a profile leaves nothing behind


def test_saves_the_plan_as_tensorrt_made_it(install: Install, tmp_path: Path) -> None:
    backend, trt, _ = install()
    with backend.build(small_model()) as engine:
        path = engine.save(tmp_path / "engine.plan")
        assert path.read_bytes() == trt.state.networks[-1].content


def test_warnings_are_kept(install: Install) -> None:
    backend, _, _ = install("10.4.0", on=V100)
    with backend.build(small_model()) as engine:
        assert engine.warnings == ("a warning of the builder",)
    with backend.build(small_model(), precision="int8") as engine:
        assert "no int8 tensor cores" in engine.warnings[0]


def test_numbers_beyond_32_bits_are_refused_by_8(install: Install) -> None:
    given = batch_of(1)
    given["ids"] = given["ids"] + 2**40
    for version in RELEASES:
        with install(version)[0].build(open_batch_model()) as engine:
            if version == "8.6.1":
                with pytest.raises(EngineInputError, match="'ids' holds numbers that do not fit"):
                    engine.run(given)
            else:
                np.testing.assert_array_equal(engine.run(given)["labels"], given["ids"] * 2)


def test_the_device(install: Install) -> None:
    device = install("10.4.0", on=V100)[0].probe("cuda:0")
    assert device.kind == "cuda"
    assert device.name == "Tesla V100-SXM2-16GB (compute capability 7.0)"
    assert (device.uuid, device.cores) == ("ab-12", 80)
    assert (device.engine, device.engine_version) == ("tensorrt", "10.4.0")
    assert device.driver == "550.54.15, CUDA 12.4"
    assert device.clocks_mhz == {"sm": 1380.0, "memory": 877.0}


@pytest.mark.parametrize("version", ["10.5.0", "11.4.0"])
def test_a_v100_refuses_what_dropped_volta(install: Install, version: str) -> None:
    backend, _, _ = install(version, on=V100)
    wanted = rf"TensorRT {version[:4]} does not run on .* 7\.0; .* 10\.4 .*detfit\[tensorrt-v100\]"
    calls: list[Callable[[], Any]] = [backend.probe, lambda: backend.build(small_model())]
    for call in calls:
        with pytest.raises(EngineUnavailableError, match=wanted.replace("11.4 ", r"11\.4 ")):
            call()


def test_there_is_no_such_gpu(install: Install) -> None:
    with pytest.raises(
        EngineUnavailableError, match="no device cuda:3: cuda-python sees 1 NVIDIA"
    ):
        install()[0].probe("cuda:3")


def test_the_cpu_is_no_gpu(install: Install) -> None:
    for call in (lambda b: b.probe("cpu"), lambda b: b.build(small_model(), device="cpu")):
        with pytest.raises(EngineBuildError, match="runs on cuda, not on 'cpu'; write cuda:0"):
            call(install()[0])


def test_what_is_missing_here_is_told_before_anything_is_loaded() -> None:
    backend = TensorRtBackend()
    reason = backend.unavailable_reason()
    if reason is None:
        pytest.skip("TensorRT is installed here")
    for call in (backend.probe, lambda: backend.build(small_model())):
        with pytest.raises(EngineUnavailableError, match=re.escape(reason)):
            call()
