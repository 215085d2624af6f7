import shutil
from dataclasses import dataclass, field

import pytest

from latency import DETECTOR, Workload
from latency.profiling import model_cache as module
from latency.profiling.model_cache import CachedModel, ModelCache


@dataclass
class Counting:
    """A model that counts how often it is exported."""

    content: bytes = b"onnx"
    exports: int = 0
    name: str = "a"
    macs: int = 3
    graph: object = None
    inputs: dict = field(default_factory=dict)

    def example_inputs(self):
        return self.inputs

    def torch_module(self):
        return "module"

    def onnx_bytes(self):
        self.exports += 1
        return self.content


@pytest.fixture
def cache(tmp_path):
    return ModelCache.beside(tmp_path / "t.jsonl", "seed 0, torch 2")


def test_a_model_is_exported_once(cache, tmp_path):
    model = Counting()
    for _ in range(3):
        assert CachedModel(model, "k", cache).onnx_bytes() == b"onnx"
    assert model.exports == 1
    assert CachedModel(Counting(b"other"), "k2", cache).onnx_bytes() == b"other"
    newer = ModelCache.beside(tmp_path / "t.jsonl", "seed 0, torch 3")
    assert newer.find("k") is None
    assert len(list((tmp_path / "t.jsonl.cache").iterdir())) == 2
    cache.clear()
    assert not (tmp_path / "t.jsonl.cache").exists()
    cache.clear()


def test_what_is_not_asked_for_is_not_exported(cache, tmp_path):
    model = Counting()
    cached = CachedModel(model, "k", cache)
    assert (cached.name, cached.macs, cached.torch_module()) == ("a", 3, "module")
    assert cached.example_inputs() == {}
    assert cached.input_sets() is None
    assert model.exports == 0
    assert not (tmp_path / "t.jsonl.cache").exists()


def test_recorded_inputs_are_passed_on(cache):
    class Recorded(Counting):
        def input_sets(self):
            return [{"x": 1}, {"x": 2}]

    assert CachedModel(Recorded(), "k", cache).input_sets() == [{"x": 1}, {"x": 2}]


def test_a_damaged_model_is_made_anew(cache, tmp_path):
    cache.keep("k", b"onnx")
    (file,) = (tmp_path / "t.jsonl.cache").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    assert cache.find("k") is None
    file.write_bytes(b"")
    model = Counting()
    assert CachedModel(model, "k", cache).onnx_bytes() == b"onnx"
    assert cache.find("k") == b"onnx"


def test_a_full_disk_is_left_alone(cache, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 50)
    cache.keep("a", b"x" * 40)
    assert cache.find("a") == b"x" * 40
    cache.keep("b", b"x" * 40)
    assert cache.find("b") is None
    monkeypatch.setattr(module, "MAX_BYTES", 10**9)
    usage = shutil.disk_usage("/")._replace(free=60)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    cache.keep("b", b"x" * 40)
    assert cache.find("b") is None


def test_workloads_are_kept_by_their_key(run_profile, tmp_path):
    table = run_profile(detectors=1)
    assert not (tmp_path / "t.jsonl.cache").exists()  # the fake engine needs no ONNX
    assert isinstance(table.detectors()[0][0], Workload)
    assert table.detectors()[0][0].role == DETECTOR
