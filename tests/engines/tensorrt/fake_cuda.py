"""A GPU made of byte strings."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from engines.tensorrt.cuda import Gpu

V100 = Gpu("Tesla V100-SXM2-16GB", "ab-12", "0000:3b:00.0", (7, 0), 80, (12, 4), (12, 4))
H200 = Gpu("NVIDIA H200", "cd-34", "0000:1b:00.0", (9, 0), 132, (13, 0), (13, 0))


class FakeCuda:
    """One GPU whose memory is byte strings; ``log`` holds what was done."""

    def __init__(self, gpu: Gpu = H200, name: str = "cuda-python", gpus: int = 1) -> None:
        self.name = name
        self.gpu = gpu
        self.gpus = gpus
        self.memory: dict[int, bytearray] = {}
        self.active = 0
        self.sessions = 0
        self._addresses = itertools.count(0x1000, 0x1000)

    def count(self) -> int:
        return self.gpus

    def describe(self, index: int) -> Gpu:
        return self.gpu

    def open(self, index: int) -> FakeCuda:
        self.sessions += 1
        return self

    @contextmanager
    def current(self) -> Iterator[None]:
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1

    def allocate(self, size: int) -> FakeBuffer:
        self._check()
        return FakeBuffer(self, next(self._addresses), size)

    def stream(self) -> FakeStream:
        self._check()
        return FakeStream()

    def event(self) -> FakeEvent:
        self._check()
        return FakeEvent()

    def upload(self, array: np.ndarray, buffer: FakeBuffer, stream: FakeStream) -> None:
        self._check()
        assert array.flags.c_contiguous
        assert array.nbytes <= len(self.memory[buffer.address])
        self.memory[buffer.address][: array.nbytes] = array.tobytes()

    def download(self, buffer: FakeBuffer, array: np.ndarray, stream: FakeStream) -> None:
        self._check()
        content = bytes(self.memory[buffer.address][: array.nbytes])
        array[...] = np.frombuffer(content, array.dtype).reshape(array.shape)

    def close(self) -> None:
        self.sessions -= 1

    def _check(self) -> None:
        assert self.active, "the GPU is not the thread's"


class FakeBuffer:
    def __init__(self, cuda: FakeCuda, address: int, size: int) -> None:
        self.address = address
        self._memory = cuda.memory
        self._memory[address] = bytearray(size)

    def free(self) -> None:
        self._memory.pop(self.address, None)


class FakeStream:
    handle = 7

    def synchronize(self) -> None:
        pass

    def free(self) -> None:
        pass


class FakeEvent:
    def record(self, stream: FakeStream) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        pass

    def ms_since(self, earlier: FakeEvent) -> float:
        return (self.time - earlier.time) * 1000.0

    def free(self) -> None:
        pass
