"""Measure members of a front on the node of a Ray cluster that has their device.

A node says which device it has by the device's fingerprint, and that one measurement at a time
may run there::

    ray start --address=HEAD:6379 --resources='{"detfit-device-0123456789abcdef": 1}'

Asked for a device that no node offers, the error says its name.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from engines import DeviceInfo
from latency import Predictor, Recording, Visit, Workload

from ..errors import RunError
from ..workers import ANYWHERE, Cluster
from ..workers.base import one_line
from .bench import EngineBench, whole_workload

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from searchspaces import Architecture, SearchSpace

RESOURCE = "detfit-device-{}"


class RayBench:
    """Be the bench of a node; a context manager.

    Args:
        predictor: Of the device that a node has.
        space: Names the detectors.
        recording: Inputs of the profile's table, for data-dependent modules.
        address: Of the cluster's head, or ``auto``.

    Raises:
        RunError: Ray is not installed, the cluster does not answer, no node offers the device, or
            the one that does has another.
        EngineUnavailableError: The engine cannot be used there.
    """

    def __init__(
        self,
        predictor: Predictor,
        space: SearchSpace,
        recording: Recording | None = None,
        address: str = ANYWHERE,
    ) -> None:
        self._manifest, self._space = predictor.manifest, space
        name = RESOURCE.format(predictor.manifest.device.fingerprint)
        self._cluster = Cluster(address)
        ray = self._cluster.ray
        try:
            self._cluster.offers(name)
            remote = ray.remote(num_cpus=0, resources={name: 1})(_NodeBench)
            self._actor = remote.remote(pickle.dumps((predictor, space, recording)))
            about: tuple[DeviceInfo, str | None] = self._ask(self._actor.about.remote())
            self._device, self._sentinel = about
        except BaseException:
            self._cluster.close()
            raise

    @property
    def device(self) -> DeviceInfo:
        """Return what is measured."""
        return self._device

    @property
    def sentinel(self) -> str | None:
        """Return the key of the sentinel."""
        return self._sentinel

    def workload(self, architecture: Architecture) -> Workload:
        """Return the whole detector, of the profile's batch and precision."""
        return whole_workload(self._manifest, self._space, architecture)

    def visit(self, architecture: Architecture) -> Visit:
        """Build an architecture's engine there and measure it once beside the sentinel.

        Raises:
            EngineError: It cannot be built or run.
            RunError: The node died.
        """
        visit: Visit = self._ask(self._actor.visit.remote(architecture))
        return visit

    def close(self) -> None:
        """Free the engines there, and leave the cluster."""
        self._cluster.ray.kill(self._actor)
        self._cluster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, answer: Any) -> Any:
        exceptions = self._cluster.ray.exceptions
        try:
            return self._cluster.ray.get(answer)
        except exceptions.RayTaskError as error:
            raise error.cause from None  # what was raised there, as if it had been here
        except exceptions.RayError as error:
            raise RunError(f"the node that measures has died: {one_line(error)}") from error


class _NodeBench:
    """What Ray runs on the node."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._bench: EngineBench | None = None

    def about(self) -> tuple[DeviceInfo, str | None]:
        bench = self._opened()
        return bench.device, bench.sentinel

    def visit(self, architecture: Architecture) -> Visit:
        return self._opened().visit(architecture)

    def _opened(self) -> EngineBench:
        if self._bench is None:
            predictor, space, recording = pickle.loads(self._content)  # sent a moment ago
            self._bench = EngineBench(predictor, space, recording=recording)
        return self._bench
