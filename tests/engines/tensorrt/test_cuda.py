"""Both packages that drive CUDA: what we call exists, and is called rightly."""

import ast
import inspect
import re
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines import EngineUnavailableError
from engines.tensorrt import cuda_by_bindings, cuda_by_pycuda
from engines.tensorrt.cuda import PACKAGES, Gpu, load_cuda
from engines.tensorrt.cuda_by_bindings import BindingsCuda, CudaError, release_of
from engines.tensorrt.cuda_by_pycuda import PyCuda
from tests.engines.tensorrt import bindings
from tests.engines.tensorrt.cuda_surface import surface_in, surface_of


class Recorder:
    """Pretend to be ``cuda.bindings.runtime``: every call succeeds and is noted."""

    cudaError_t = SimpleNamespace(cudaSuccess=0)  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(  # noqa: N815
        cudaMemcpyHostToDevice="to device", cudaMemcpyDeviceToHost="to host"
    )
    cudaStreamNonBlocking = 1  # noqa: N815

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append((name, *arguments))
            return self._answers.get(name, (0, 5))

        return call


PROPERTIES = SimpleNamespace(
    name=b"Tesla V100\0\0",
    uuid=SimpleNamespace(bytes=bytes(range(16))),
    major=7,
    minor=0,
    multiProcessorCount=80,
)


def test_bindings_describe() -> None:
    answers = {
        "cudaGetDeviceCount": (0, 2),
        "cudaGetDeviceProperties": (0, PROPERTIES),
        "cudaDriverGetVersion": (0, 13000),
        "cudaRuntimeGetVersion": (0, 12040),
        "cudaDeviceGetPCIBusId": (0, b"0000:3B:00.0\0\0"),
    }
    cuda = BindingsCuda(Recorder(**answers))
    assert cuda.count() == 2
    board = str(uuid.UUID(bytes=bytes(range(16))))
    wanted = Gpu("Tesla V100", board, "0000:3b:00.0", (7, 0), 80, (13, 0), (12, 4))
    assert cuda.describe(1) == wanted


def test_bindings_copy_and_time() -> None:
    runtime = Recorder(cudaEventElapsedTime=(0, 1.5), cudaGetDevice=(0, 3), cudaFree=(0,))
    session = BindingsCuda(runtime).open(1)
    array = np.arange(6, dtype=np.float32)
    with session.current():
        buffer, stream = session.allocate(0), session.stream()
        session.upload(array, buffer, stream)
        session.download(buffer, array, stream)
        start, end = session.event(), session.event()
        start.record(stream)
        end.record(stream)
        end.synchronize()
        assert end.ms_since(start) == 1.5
        stream.synchronize()
        for thing in (start, end, stream, buffer):
            thing.free()
            thing.free()
    session.close()
    calls = runtime.calls
    assert calls[:3] == [("cudaGetDevice",), ("cudaSetDevice", 1), ("cudaMalloc", 1)]
    assert calls[-1] == ("cudaSetDevice", 3)
    assert ("cudaMemcpyAsync", 5, array.ctypes.data, 24, "to device", 5) in calls
    assert ("cudaMemcpyAsync", array.ctypes.data, 5, 24, "to host", 5) in calls
    assert ("cudaStreamCreateWithFlags", 1) in calls
    names = [name for name, *_ in calls]
    assert [names.count(name) for name in ("cudaFree", "cudaStreamDestroy")] == [1, 1]
    assert names.count("cudaEventDestroy") == 2


def test_bindings_failures_are_errors_with_cudas_words() -> None:
    runtime = Recorder(cudaMalloc=(2, None), cudaGetErrorString=(0, b"out of memory"))
    with pytest.raises(CudaError, match="2: out of memory"):
        BindingsCuda(runtime).open(0).allocate(8)
    missing = Recorder(cudaGetDeviceCount=(35, None), cudaGetErrorString=(0, b"no driver"))
    with pytest.raises(EngineUnavailableError, match=r"35: no driver.*install or update the NV"):
        BindingsCuda(missing).count()


def test_the_real_bindings_start_without_a_gpu_and_say_so() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    cuda = load_cuda("cuda-python")
    status, count = runtime.cudaGetDeviceCount()
    if status == runtime.cudaError_t.cudaSuccess:
        assert cuda.count() == count
    else:
        with pytest.raises(EngineUnavailableError, match="CUDA does not start"):
            cuda.count()


def used_of(module: Any, owner: str) -> dict[str, set[int]]:
    """Return the attributes of ``cudart`` (or ``driver``) in our source, with argument counts."""
    found: dict[str, set[int]] = {}
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _last(node.value) == owner:
            found.setdefault(node.attr, set())
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and _last(called.value) == owner:
            found[called.attr].add(len(node.args))
    return found


def _last(node: ast.expr) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def cuda_surface(release: str) -> dict[str, Any]:
    """Return what a release of cuda-python offers; skip where it is not to be had."""
    if release == "installed":
        return surface_of(pytest.importorskip("cuda.bindings.runtime"))
    folder = bindings.cache_folder() / f"cuda-bindings-{release}-{sys.implementation.cache_tag}"
    try:
        return surface_in(bindings.unpack("cuda-bindings", release, folder))
    except bindings.NotToBeHadError as reason:
        pytest.skip(str(reason))


# A V100 needs CUDA 12, and setup.py takes cuda-python from 12.8 on.
@pytest.mark.parametrize("release", ["installed", "12.8.0", "12.9.0"])
def test_all_that_we_use_of_cuda_python_exists(release: str) -> None:
    surface = cuda_surface(release)
    used = used_of(cuda_by_bindings, "cudart")
    assert len(used) >= 20
    assert used.keys() <= set(surface["names"])
    for name, counts in used.items():
        if name.startswith("cuda") and counts:
            (signature,) = surface["functions"][name]
            inner = signature.partition("(")[2].rpartition(")")[0]
            assert counts == {len(inner.split(",")) if inner.strip() else 0}, signature
    kinds = {"cudaMemcpyHostToDevice", "cudaMemcpyDeviceToHost"}
    assert kinds <= set(surface["classes"]["cudaMemcpyKind"])
    fields = {"name", "uuid", "major", "minor", "multiProcessorCount"}
    assert fields <= set(surface["classes"]["cudaDeviceProp"])


class PyCudaRecorder:
    """Pretend to be ``pycuda.driver``."""

    class Error(Exception):
        pass

    device_attribute = SimpleNamespace(MULTIPROCESSOR_COUNT=16)

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.stack: list[str] = []
        self.Context = SimpleNamespace(pop=self.stack.pop)

    def init(self) -> None:
        self.calls.append(("init",))

    def get_version(self) -> tuple[int, int, int]:
        return (12, 4, 0)

    def get_driver_version(self) -> int:
        return 12020

    def memcpy_htod_async(self, dest: int, src: Any, stream: Any) -> None:
        self.calls.append(("to device", dest, src.nbytes, stream.handle))

    def memcpy_dtoh_async(self, dest: Any, src: int, stream: Any) -> None:
        self.calls.append(("to host", src, dest.nbytes, stream.handle))

    def mem_alloc(self, size: int) -> Any:
        return Allocation(self.calls)

    def Stream(self, flags: int) -> Any:
        assert flags == 1
        return SimpleNamespace(handle=9, synchronize=lambda: None)

    def Event(self) -> Any:
        return SimpleNamespace(
            record=lambda stream: None, synchronize=lambda: None, time_since=lambda earlier: 1.5
        )

    @property
    def Device(self) -> Any:
        def make(index: int) -> Any:
            primary = SimpleNamespace(push=lambda: self.stack.append("primary"))
            return SimpleNamespace(
                name=lambda: "Tesla V100",
                compute_capability=lambda: (7, 0),
                pci_bus_id=lambda: "0000:3B:00.0",
                get_attribute={16: 80}.__getitem__,
                retain_primary_context=lambda: primary,
            )

        make.count = lambda: 1  # type: ignore[attr-defined]
        return make


class Allocation:
    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        self._calls = calls

    def __int__(self) -> int:
        return 4096

    def free(self) -> None:
        self._calls.append(("free",))


def test_pycuda_describes_copies_and_times() -> None:
    driver = PyCudaRecorder()
    cuda = PyCuda(driver)
    assert cuda.count() == 1
    wanted = Gpu("Tesla V100", "", "0000:3b:00.0", (7, 0), 80, (12, 2), (12, 4))
    assert cuda.describe(0) == wanted
    session = cuda.open(0)
    array = np.arange(6, dtype=np.float32)
    with session.current():
        assert driver.stack == ["primary"]
        buffer, stream = session.allocate(24), session.stream()
        assert (buffer.address, stream.handle) == (4096, 9)
        session.upload(array, buffer, stream)
        session.download(buffer, array, stream)
        start, end = session.event(), session.event()
        end.record(stream)
        end.synchronize()
        assert end.ms_since(start) == 1.5
        for thing in (start, end, stream, buffer, buffer):
            thing.free()
    assert driver.stack == []
    assert ("to device", 4096, 24, 9) in driver.calls
    assert ("to host", 4096, 24, 9) in driver.calls
    assert driver.calls.count(("free",)) == 1
    session.close()
    with pytest.raises(CudaError, match="closed"), session.current():
        pass


def test_the_two_are_not_mixed() -> None:
    driver = PyCudaRecorder()
    session = PyCuda(driver).open(0)
    other = BindingsCuda(Recorder()).open(0)
    with pytest.raises(CudaError, match="cannot use a BindingsStream with pycuda"):
        session.event().record(other.stream())
    with pytest.raises(CudaError, match="an event of pycuda with a BindingsEvent"):
        session.event().ms_since(other.event())
    with pytest.raises(CudaError, match="an event of cuda-python with a PyCudaEvent"):
        other.event().ms_since(session.event())


def test_unknown_and_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineUnavailableError, match=r"'cupy'.*pycuda, cuda-python"):
        load_cuda("cupy")
    monkeypatch.setattr("engines._imports.importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailableError, match=r"pip install 'cuda-python>=12.8,<14'"):
        load_cuda()
    with pytest.raises(EngineUnavailableError, match=r"pip install 'detfit\[pycuda\]'"):
        load_cuda("pycuda")


def test_pycuda_is_preferred() -> None:
    assert list(PACKAGES) == ["pycuda", "cuda-python"]


@pytest.mark.parametrize(("number", "release"), [(12040, (12, 4)), (13000, (13, 0))])
def test_releases_of_cuda(number: int, release: tuple[int, int]) -> None:
    assert release_of(number) == release


@pytest.mark.slow
@pytest.mark.parametrize("version", ["2024.1.2", "2026.1"])
def test_all_that_we_use_of_pycuda_exists(version: str, tmp_path: Path) -> None:
    """In its C++ source: it has no wheels, and cannot be built without a CUDA toolkit."""
    options = ["--no-deps", "--no-binary=:all:", "--no-build-isolation", "-q", "-d", str(tmp_path)]
    command = [sys.executable, "-m", "pip", "download", *options, f"pycuda=={version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    archives = list(tmp_path.glob("pycuda-*.tar.gz"))
    if done.returncode or not archives:
        pytest.skip(f"pycuda {version} cannot be downloaded here")
    with tarfile.open(archives[0]) as archive:
        names = [n for n in archive.getnames() if n.endswith("wrap_cudadrv.cpp")]
        (source,) = (archive.extractfile(name).read().decode() for name in names)
    offered = set(
        re.findall(r'(?:def|def_readonly|add_property|class_<cl>)\s*\(\s*"(\w+)"', source)
    )
    offered |= set(re.findall(r"DEF_SIMPLE_\w+\((\w+)\)", source))
    offered |= set(re.findall(r'\(\s*"(\w+)",\s*py::(?:init|no_init)', source))
    offered |= set(re.findall(r'value\("(\w+)"', source))
    offered |= set(re.findall(r'enum_<\w+>\("(\w+)"', source))
    offered |= set(re.findall(r"DECLARE_EXC\((\w+)", source))
    used = set(used_of(cuda_by_pycuda, "driver"))
    used |= {"push", "pop", "retain_primary_context", "compute_capability", "pci_bus_id", "name"}
    used |= {"get_attribute", "MULTIPROCESSOR_COUNT", "count", "handle", "synchronize", "record"}
    used |= {"time_since", "free"}
    assert used - offered - {"Error"} == set()
    assert "Error" in source
