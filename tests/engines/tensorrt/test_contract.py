"""Everything that our source asks of TensorRT exists in the real interface of each release."""

import re
from pathlib import Path
from typing import Any

import pytest

import engines.tensorrt
from engines.tensorrt.api import Api8, Api10, Api10Strong, Api11
from engines.tensorrt.releases import APIS, release_of
from tests.engines.tensorrt import bindings, usage

FOLDER = Path(engines.tensorrt.__file__).parent
NAMES_8_6 = Path(__file__).with_name("names_8_6.txt")
# Every third line or so of releases on the package index: both ends of each of our classes, the
# last for a V100 and the first after it. DETFIT_TENSORRT_WHEELS keeps them between runs.
RELEASES = {
    "10.0.1": Api10,
    "10.4.0": Api10,
    "10.5.0": Api10,
    "10.13.0.35": Api10,
    "10.16.1.11": Api10,
    "11.0.0.114": Api11,
    "11.4.0.106": Api11,
}
# Members of TensorRT's classes that are also names of NumPy, ONNX, sets or our own.
OTHERS = {
    *("FLOAT", "__init__", "create_network", "dtype", "infer_shapes", "itemsize", "name", "node"),
    *("precision", "shape", "type", "update"),
}


def real_surface(version: str) -> dict[str, Any]:
    try:
        return bindings.surface(version)
    except bindings.NotToBeHadError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("version", RELEASES)
def test_all_that_we_use_exists(version: str) -> None:
    surface = real_surface(version)
    found = usage.check(usage.sources(FOLDER), surface, RELEASES[version].__name__)
    assert found.problems == []
    assert APIS[release_of(surface["version"])[0]] is RELEASES[version]
    assert len(found.used) > 50
    assert {"IBuilderConfig.set_timing_cache", "IExecutionContext.execute_async_v3"} <= found.used


@pytest.mark.parametrize("version", [v for v, kind in RELEASES.items() if kind is Api10])
def test_strong_typing_of_10_exists(version: str) -> None:
    found = usage.check(usage.sources(FOLDER), real_surface(version), Api10Strong.__name__)
    assert found.problems == []
    assert "NetworkDefinitionCreationFlag.STRONGLY_TYPED" in found.used
    assert not {"BuilderFlag.FP16", "ILayer.precision"} & found.used


@pytest.mark.parametrize("version", RELEASES)
def test_nothing_is_forgotten(version: str) -> None:
    """No attribute of a value of unknown type has the name of a member of a class that we use."""
    surface = real_surface(version)
    found = usage.check(usage.sources(FOLDER), surface, RELEASES[version].__name__)
    classes = {name.rpartition(".")[0] for name in found.used} - {""}
    members = {name for kind in classes for name in surface["classes"][kind]}
    assert found.unresolved & members - OTHERS == set()


@pytest.mark.parametrize("version", ["10.0.1", "11.4.0.106"])
def test_flags_of_other_releases_would_be_found(version: str) -> None:
    """The class for one side of a removal does not pass on the other."""
    other = Api11 if RELEASES[version] is Api10 else Api10
    found = usage.check(usage.sources(FOLDER), real_surface(version), other.__name__)
    problems = " ".join(found.problems)
    assert ("EXPLICIT_BATCH" in problems) == (other is Api10)
    assert ("there is no class IInt8EntropyCalibrator2" in problems) == (other is Api10)


MISTAKES = {
    "a name": ("config.clear_flag(", "config.unset_flag(", "IBuilderConfig has no unset_flag"),
    "a value": ("flags.TF32", "flags.TF33", "BuilderFlag has no TF33"),
    "a keyword": ("ignore_mismatch=False", "mismatch=False", "set_timing_cache takes no"),
    "an argument too many": ("serialize()", "serialize(0)", "ITimingCache.serialize takes no"),
    "an argument too few": (
        "set_flag(flags.PREFER_PRECISION_CONSTRAINTS)",
        "set_flag()",
        "set_flag takes no",
    ),
    "another class": ("parser.parse(", "network.parse(", "INetworkDefinition has no parse"),
    "a wrong argument": (
        "build_serialized_network(network, config)",
        "build_serialized_network(config, network)",
        "build_serialized_network takes no",
    ),
    "a read-only property": (
        "config.builder_optimization_level = ",
        "config.num_optimization_profiles = ",
        "num_optimization_profiles cannot be set",
    ),
    "an override": ("def report_layer_time(", "def report_time(", "lacks report_layer_time"),
    "a callback": ("def notify_shape(", "def tell_shape(", "lacks notify_shape"),
    "an argument of a callback": (
        "self, tensor_name: str, memory: int, size: int, alignment: int, stream: int",
        "self, tensor_name: str, memory: int, size: int, alignment: int",
        "reallocate_output_async takes another number of arguments",
    ),
    "a class": ("trt.OnnxParser(", "trt.OnnxReader(", "there is no class OnnxReader"),
    "a function": ("trt.nptype(", "trt.numpytype(", "there is no class numpytype"),
    "an annotation": (
        "cache: trt.ITimingCache = config",
        "cache: trt.IHostMemory = config",
        "is annotated IHostMemory but is a ITimingCache",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(mistake: str) -> None:
    right, wrong, problem = MISTAKES[mistake]
    sources = usage.sources(FOLDER)
    assert sum(source.count(right) for source in sources) >= 1
    changed = [source.replace(right, wrong) for source in sources]
    found = usage.check(changed, real_surface("10.4.0"), "Api10")
    assert any(problem in text for text in found.problems), found.problems


def test_8_6_uses_only_names_of_its_source() -> None:
    """A table, not a wheel: 8.6.1 has wheels up to Python 3.10 alone, and not on this index."""
    found = usage.check(usage.sources(FOLDER), real_surface("10.0.1"), Api8.__name__)
    lines = NAMES_8_6.read_text().splitlines()
    known = {line for line in lines if not line.startswith("#")}
    assert found.used == known
    assert "ParserError.node_name" not in known
    assert "BuilderFlag.ERROR_ON_TIMING_CACHE_MISS" not in known


def test_only_annotated_modules_use_tensorrt() -> None:
    """The module is imported for types, and at run time in one place."""
    for path in FOLDER.glob("*.py"):
        lines = re.findall(r"^(\s*)import tensorrt\b", path.read_text(), re.MULTILINE)
        assert all(indent for indent in lines), f"{path.name} imports tensorrt at once"


def test_signatures_of_pybind() -> None:
    doc = """f(*args, **kwargs)
Overloaded function.

1. f(self: tensorrt_bindings.tensorrt.A, x: List[int, str] = [1, 2]) -> tensorrt.B

2. f(self: tensorrt_bindings.tensorrt.A, arg0: int, y: str = None) -> None
"""
    (first, one), (second, two) = usage.signatures(doc)
    assert [(p.name, p.needed) for p in first] == [("self", True), ("x", False)]
    assert [(p.name, p.needed) for p in second] == [("self", True), ("arg0", True), ("y", False)]
    assert (one, two) == ("tensorrt.B", "None")
