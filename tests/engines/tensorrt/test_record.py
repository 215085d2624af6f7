"""What a plan was built from and how."""

import hashlib
import json

import pytest

from engines import BatchRange, EngineBuildError, Recorded, TensorRtOptions, TimingCache
from engines.conformance import small_model
from engines.tensorrt.record import BuildRecord
from tests.engines.tensorrt.conftest import Install
from tests.engines.tensorrt.fake_cuda import V100
from tests.engines.tensorrt.test_backend import open_batch_model

NOTHING = "none"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_record_of_a_plain_build(install: Install) -> None:
    backend, trt, _ = install("10.4.0", on=V100)
    model = small_model()
    with backend.build(model) as engine:
        assert isinstance(engine, Recorded)
        assert engine.build_record == {
            "tensorrt": "10.4.0",
            "capability": "7.0",
            "typing": "weak",
            "flags": "",
            "level": "3",
            "workspace_bytes": "all",
            "profile": NOTHING,
            "timing_cache": NOTHING,
            "timing_cache_after": NOTHING,
            "calibration": NOTHING,
            "onnx": sha256(model.onnx_bytes()),
            "onnx_read": sha256(trt.state.networks[-1].content),
            "outputs": json.dumps({"features": "float32", "total": "float32"}),
        }
        assert engine.build_files == {}


def test_flags_sizes_and_caches_are_recorded(install: Install) -> None:
    options = TensorRtOptions(
        batch=BatchRange(1, 2, 4),
        timing_cache=TimingCache(b"pinned"),
        on_cache_miss="refuse",
        workspace_bytes=1 << 30,
        level=5,
    )
    backend, _, _ = install("10.4.0", options=options)
    with backend.build(open_batch_model(), precision="fp16") as engine:
        record = engine.build_record
        flags = "FP16 PREFER_PRECISION_CONSTRAINTS ERROR_ON_TIMING_CACHE_MISS"
        assert set(record["flags"].split()) == set(flags.split())
        assert record["profile"] == "image=1x3x4x4:2x3x4x4:4x3x4x4 ids=1x2:2x2:4x2"
        assert (record["level"], record["workspace_bytes"]) == ("5", str(1 << 30))
        assert record["timing_cache"] == sha256(b"pinned")
        assert record["timing_cache_after"] == sha256(b"pinned+timed")
        assert engine.build_files == {"timing.cache": b"pinned+timed"}
        assert BuildRecord.from_texts(record).output_dtypes == {
            "twice": "float32",
            "labels": "int64",
        }


@pytest.mark.parametrize("version", ["8.6.1", "10.4.0"])
def test_what_the_calibrator_found_is_kept(install: Install, version: str) -> None:
    backend, _, _ = install(version)
    with backend.build(small_model(), precision="int8") as engine:
        assert engine.build_record["calibration"] == sha256(b"scales")
        assert engine.build_files == {"calibration.cache": b"scales"}


def test_a_quantised_graph_has_no_calibration(install: Install) -> None:
    with install("11.4.0")[0].build(small_model(), precision="int8") as engine:
        assert engine.build_record["calibration"] == NOTHING
        assert engine.build_record["typing"] == "strong"
        assert engine.build_record["onnx"] != engine.build_record["onnx_read"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flags": None}, "missing or unknown fields: flags"),
        ({"colour": "red"}, "missing or unknown fields: colour"),
        ({"level": 3}, "level must be a text"),
    ],
)
def test_damaged_records_are_refused(
    install: Install, changes: dict[str, object], message: str
) -> None:
    with install()[0].build(small_model()) as engine:
        texts = {**engine.build_record, **changes}
    texts = {name: text for name, text in texts.items() if text is not None}
    with pytest.raises(EngineBuildError, match=message):
        BuildRecord.from_texts(texts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "outputs", ["", "[]", "boxes=float32", '{"boxes": "float31"}', '{"a": []}']
)
def test_damaged_outputs_are_refused(install: Install, outputs: str) -> None:
    with install()[0].build(small_model()) as engine:
        texts = {**engine.build_record, "outputs": outputs}
    with pytest.raises(EngineBuildError, match="outputs must be a JSON object"):
        _ = BuildRecord.from_texts(texts).output_dtypes
