"""Engines that are kept in a file of their own and loaded again, as TensorRT's plans.

A backend whose engines can be loaded is a :class:`Loads`; an engine that tells what it was built
from is a :class:`Recorded`. What a bundle keeps of one is a :class:`Kept`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .base import Engine, Model


TIMING_CACHE = "timing.cache"
CALIBRATION_CACHE = "calibration.cache"
BUILD_FILES = (TIMING_CACHE, CALIBRATION_CACHE)
"""Names of what building an engine again may take besides the model."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold a saved engine.

    Attributes:
        content: The engine's file.
        record: What it was built from and how, as :class:`Recorded` told.
        files: By name, what building it again takes besides the model.
    """

    content: bytes
    record: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)


@runtime_checkable
class Recorded(Protocol):
    """An engine that can be loaded again by what it tells of itself."""

    @property
    def build_record(self) -> Mapping[str, str]:
        """Return what it was built from and how."""

    @property
    def build_files(self) -> Mapping[str, bytes]:
        """Return by name what building it again takes besides the model."""


@runtime_checkable
class Loads(Protocol):
    """A backend that loads the engines that it saved."""

    def load(
        self, kept: Kept, model: Model, *, precision: str, threads: int, device: str
    ) -> Engine:
        """Load an engine; nothing is built and the model is not read.

        Args:
            kept: The saved engine.
            model: What it was built from: its name and example inputs.
            precision: That it was built for.
            threads: CPU threads.
            device: Where it is to run.

        Raises:
            EngineReleaseError: Another release of the runtime built it.
            EngineDeviceError: It was built for another kind of device.
            EngineError: It cannot be loaded; the message says why.
        """

    def rebuild(
        self, kept: Kept, model: Model, *, precision: str, threads: int, device: str
    ) -> Engine:
        """Build the same model anew for what is here, as :meth:`load` takes it.

        Raises:
            EngineError: It cannot be built.
        """
