"""Simulated predictions keep the bounds of data sheets and order what must be ordered."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from latency import (
    PredictorError,
    SimulatedPredictor,
    make_simulated,
    simulated_devices,
    simulated_ms,
)
from latency.simulated import DeviceFigure
from searchspaces import KINDS, ZOO, DetectorSpec, ModuleSpec, TensorSpec, make_space, parse_arch
from tests.latency.simulated.test_splits import EXAMPLES

PRECISIONS = ("fp32", "fp16", "int8")
EVERYWHERE = [
    (name, engine, precision)
    for name in simulated_devices()
    for engine in make_simulated(name).device.launch_us
    for precision in PRECISIONS
]


def zoo_detector(name: str, input_hw: tuple[int, int] | None = None) -> DetectorSpec:
    space = make_space("zoo", input_hw=input_hw)
    return space.detector(space.decode(name))


def block(channels: int, height: int, width: int, dtype: str = "fp32") -> ModuleSpec:
    return ModuleSpec.of(
        "basic_block",
        [TensorSpec((1, channels, height, width))],
        dtype=dtype,
        in_channels=channels,
        out_channels=channels,
        stride=1,
        dilation=1,
        norm="bn",
    )


@pytest.mark.parametrize(("name", "engine", "precision"), EVERYWHERE)
def test_no_module_beats_the_data_sheet(name: str, engine: str, precision: str) -> None:
    predictor = make_simulated(name, precision, engine)
    for spec in EXAMPLES.values():
        ms = predictor.module_ms(spec)
        assert math.isfinite(ms)
        assert ms > predictor.least_ms(spec), spec.key
        assert ms > 0


@pytest.mark.parametrize(("name", "engine"), sorted({each[:2] for each in EVERYWHERE}))
def test_a_narrower_precision_is_never_slower(name: str, engine: str) -> None:
    wide, half, narrow = (make_simulated(name, each, engine) for each in PRECISIONS)
    for spec in EXAMPLES.values():
        times = [predictor.module_ms(spec) for predictor in (wide, half, narrow)]
        assert times == sorted(times, reverse=True), spec.key


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(1, 40),
    wider=st.integers(1, 20),
    height=st.integers(1, 200),
    taller=st.integers(1, 50),
    engine=st.sampled_from(["pytorch", "tensorrt"]),
    precision=st.sampled_from(PRECISIONS),
)
def test_wider_and_larger_is_never_quicker(
    channels: int, wider: int, height: int, taller: int, engine: str, precision: str
) -> None:
    predictor = make_simulated("V100", precision, engine)
    ms = predictor.module_ms(block(8 * channels, height, 40))
    assert predictor.module_ms(block(8 * (channels + wider), height, 40)) >= ms
    assert predictor.module_ms(block(8 * channels, height + taller, 40)) >= ms


@pytest.mark.parametrize("name", ["FasterRCNN-R50-FPN", "RetinaNet-R50-FPN", "E4"])
def test_a_detector_takes_longer_at_a_larger_input(name: str) -> None:
    predictor = make_simulated("V100")
    sizes = [(320, 320), (480, 640), (600, 800), (800, 1333)]
    times = predictor.predict_ms([zoo_detector(name, size) for size in sizes])
    assert np.all(np.diff(times) > 0)


def test_every_model_of_the_zoo_is_predicted() -> None:
    predictor = make_simulated("V100")
    times = predictor.predict_ms([zoo_detector(name) for name in ZOO])
    assert np.all((times > 3) & (times < 1000))
    assert len(times) == len(ZOO)


def test_the_order_of_published_times_holds() -> None:
    """SM-NAS: E2 39.5, FPN-R50 43.6, Cascade-R50 54.9, RetinaNet-R101 91.7, E5 108.1 ms."""
    archs = (
        "zoo:E2",
        "smnas-structural:resnet50/P1-P5@256/rpn/2fc/800x600",
        "smnas-structural:resnet50/P1-P5@256/rpn/cascade3/800x600",
        "smnas-structural:resnet101/P2-P6@256/none/retinanet/1333x800",
        "zoo:E5",
    )
    found = [parse_arch(arch) for arch in archs]
    times = make_simulated("V100").predict_ms([space.detector(arch) for space, arch in found])
    published = np.array([39.5, 43.6, 54.9, 91.7, 108.1])
    assert np.all(np.diff(times) > 0)
    assert np.mean(np.abs(times / published - 1)) < 0.08
    assert np.all(np.abs(times / published - 1) < 0.5)  # the interval's factor


def test_a_prediction_adds_up_and_claims_no_measurement() -> None:
    predictor, detector = make_simulated("T4"), zoo_detector("E0")
    latency = predictor.predict(detector)
    assert sum(item.ms for item in latency.breakdown) == pytest.approx(latency.p50_ms)
    assert latency.p50_ms == pytest.approx(predictor.predict_ms([detector])[0])
    assert (latency.coverage, latency.confidence) == (0.0, 0.9)
    assert not any(item.measured for item in latency.breakdown)
    assert latency.lo_ms <= latency.p50_ms / 2
    assert latency.hi_ms >= latency.p50_ms * 2
    counted = predictor.predict(detector.modules())
    assert counted.p50_ms == pytest.approx(latency.p50_ms)
    assert predictor.predict(dict(detector.modules())).p50_ms == pytest.approx(latency.p50_ms)
    assert predictor.predict(detector.graph()).p50_ms == pytest.approx(latency.p50_ms)


def test_intervals_widen_with_confidence_and_where_nothing_was_fitted() -> None:
    v100, t4 = make_simulated("V100"), make_simulated("T4")
    factors = [v100.factor(confidence) for confidence in (0.1, 0.5, 0.9, 0.99)]
    assert factors == sorted(factors)
    assert factors[0] > 1
    assert v100.factor(0.9) == pytest.approx(1.5)
    assert t4.factor(0.9) == make_simulated("V100", "fp16").factor(0.9) == pytest.approx(2.0)
    detector = zoo_detector("E0")
    assert v100.upper_ms(detector, 0.95) == pytest.approx(v100.predict(detector).hi_ms)
    assert v100.upper_ms(detector, 0.5) == pytest.approx(v100.predict(detector).p50_ms)
    assert v100.upper_ms(detector, 0.3) <= v100.upper_ms(detector, 0.7)
    for confidence in (0, 1, -1, 2, math.nan):
        with pytest.raises(PredictorError, match="between 0 and 1"):
            v100.predict(detector, confidence)
        with pytest.raises(PredictorError, match="between 0 and 1"):
            v100.upper_ms(detector, confidence)


def test_a_larger_batch_takes_longer_but_not_in_proportion() -> None:
    detector = zoo_detector("E0")
    one, eight = (make_simulated("V100", batch=n).predict(detector).p50_ms for n in (1, 8))
    assert one < eight < 8 * one


def test_the_faster_device_is_faster() -> None:
    detectors = [zoo_detector("E5")]
    times = [
        make_simulated(name, "fp16", "tensorrt").predict_ms(detectors)[0]
        for name in ("H200", "A100", "V100", "T4", "Orin")
    ]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "bf16"}, "one of fp32, fp16, int8, got 'bf16'"),
        ({"engine": "onnxruntime"}, "with pytorch, tensorrt, not with 'onnxruntime'"),
        ({"batch": 0}, "at least 1, got 0"),
    ],
)
def test_what_cannot_be_simulated_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PredictorError, match=message):
        SimulatedPredictor(make_simulated("V100").device, **changes)


def test_the_engine_is_named_or_the_first_that_has_the_precision() -> None:
    assert make_simulated("simulated:V100").engine == "pytorch"
    assert make_simulated("V100", "int8").engine == "tensorrt"
    assert make_simulated("V100:tensorrt").engine == "tensorrt"
    assert make_simulated("CPU", "int8").engine == "onnxruntime"
    with pytest.raises(PredictorError, match="got 'bf16'"):
        make_simulated("V100", "bf16")


def test_a_launch_costs_as_much_as_the_file_says() -> None:
    predictor = make_simulated("V100", "fp32", "tensorrt")
    dearer = {"tensorrt": DeviceFigure(100.0, "a test")}
    slow = replace(predictor, device=replace(predictor.device, launch_us=dearer))
    spec = block(64, 50, 50)  # two convolutions; all else is absorbed
    assert slow.module_ms(spec) - predictor.module_ms(spec) == pytest.approx(2 * 86.6e-3)


def test_modules_of_every_kind_have_a_prior_everywhere() -> None:
    space = make_space("detnas-nano")
    specs = list(EXAMPLES.values())
    assert {spec.kind for spec in specs} | {"conv"} >= KINDS.keys()
    for device in simulated_devices():
        for engine in make_simulated(device).device.launch_us:
            times = simulated_ms(specs, device, engine)
            assert times.shape == (len(specs),)
            assert (times > 0).all()
    modules = [node.spec for node in space.detector(space.decode("00-00-0000-00")).graph().nodes]
    predictor = make_simulated("T4", "fp16", "tensorrt")
    assert (simulated_ms(modules, "T4", "tensorrt", "fp16") == predictor.modules_ms(modules)).all()
    with pytest.raises(PredictorError, match="unknown simulated device 'P100'"):
        simulated_ms(modules, "P100")


def test_what_decides_a_prediction_is_written_down() -> None:
    fields = json.loads(json.dumps(make_simulated("V100", "int8").to_dict()))
    assert fields["simulated"] is True
    assert fields["device"]["bandwidth_gb_s"]["source"]
    assert (fields["engine"], fields["precision"], fields["batch"]) == ("tensorrt", "int8", 1)
