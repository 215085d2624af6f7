"""ONNX forms of workloads, kept on disk while a profile runs: every replicate builds anew.

Writing a detector as ONNX takes seconds, reading it back none. The folder stands beside the table
(``cpu.jsonl.cache``), survives interruptions, and is deleted once the profile is complete.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from engines import inner_tensors_of
from searchspaces import Graph

from ..workloads.workload import WorkloadModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    Arrays = Mapping[str, npt.NDArray[np.generic]]

MAX_BYTES = 8 * 2**30
"""Above it, or where a model takes half of what is free on the disk, nothing more is kept."""

_DIGEST_BYTES = 32


@runtime_checkable
class RecordedModel(Protocol):
    """A model that comes with inputs to be timed on, such as recorded ones."""

    def input_sets(self) -> Sequence[Arrays]:
        """Return sets of arrays that samples take in turns; at least one."""


class ModelCache:
    """Keep ONNX models by what they were made from.

    Args:
        folder: Made when the first model is kept.
        origin: What beside the workload decides on its bytes: seed and versions.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self._folder = folder
        self._origin = origin

    @classmethod
    def beside(cls, table: Path, origin: str) -> ModelCache:
        """Return the cache of a profile that writes a table."""
        return cls(table.with_name(table.name + ".cache"), origin)

    def find(self, key: str) -> bytes | None:
        """Return the model of a workload; None if it is not kept, or damaged."""
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        digest, model = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return model if hashlib.sha256(model).digest() == digest else None

    def keep(self, key: str, model: bytes) -> None:
        """Keep the model of a workload if there is room."""
        self._folder.mkdir(parents=True, exist_ok=True)
        used = sum(file.stat().st_size for file in self._folder.iterdir())
        disk = shutil.disk_usage(self._folder)
        if used + len(model) <= MAX_BYTES and len(model) <= disk.free // 2:
            path = self._path(key)
            parting = path.with_suffix(".new")
            parting.write_bytes(hashlib.sha256(model).digest() + model)  # its hash guards it:
            parting.replace(path)  # no need to wait for the disk

    def clear(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(f"{self._origin}\n{key}".encode()).hexdigest()
        return self._folder / f"{name}.onnx"


class CachedModel:
    """Offer a workload to the engines, its ONNX form from a cache where it is there.

    Args:
        model: The workload's model.
        key: The workload's key.
        cache: Where ONNX models are kept.
    """

    def __init__(self, model: WorkloadModel, key: str, cache: ModelCache) -> None:
        self._model = model
        self._key = key
        self._cache = cache

    @property
    def name(self) -> str:
        """Return the workload's label."""
        return self._model.name

    @property
    def graph(self) -> Graph:
        """Return the modules and their wiring."""
        return self._model.graph

    @property
    def macs(self) -> int:
        """Return the multiply-adds of one run."""
        return self._model.macs

    @property
    def inner_tensors(self) -> frozenset[str]:
        """Return inputs and outputs that are maps inside a detector."""
        return inner_tensors_of(self._model)

    def example_inputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return seeded arrays for every graph input."""
        return self._model.example_inputs()

    def input_sets(self) -> Sequence[Arrays] | None:
        """Return the model's own sets of inputs; None if it has but its example inputs."""
        return self._model.input_sets() if isinstance(self._model, RecordedModel) else None

    def torch_module(self) -> torch.nn.Module:
        """Return the runnable module in eval mode, with seeded weights."""
        return self._model.torch_module()

    def onnx_bytes(self) -> bytes:
        """Return the graph as an ONNX model."""
        found = self._cache.find(self._key)
        if found is None:
            found = self._model.onnx_bytes()
            self._cache.keep(self._key, found)
        return found
