"""Measure members of a front on the node of a Ray cluster that has their device.

A node says which device it has by the device's fingerprint, and that one measurement at a time
may run there::

    ray start --address=HEAD:6379 --resources='{"detfit-device-0123456789abcdef": 1}'

Asked for a device that no node offers, the error says its name. A node may name its device
otherwise, such as ``detfit-device-v100``: then it is asked for by that name, and still has to be
the device of the profile.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engines import Closing, DeviceInfo
from latency import Predictor, Recording, Visit, Workload

from ..workers import ANYWHERE, RESOURCE, Cluster, DeviceNode
from .bench import EngineBench, whole_workload

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


class RayBench(Closing):
    """Be the bench of a node; a context manager.

    Args:
        predictor: Of the device that a node has.
        space: Names the detectors.
        recording: Inputs of the profile's table, for data-dependent modules.
        address: Of the cluster's head, or ``auto``.
        resource: What nodes call the device, after ``detfit-device-``; its fingerprint if None.

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
        resource: str | None = None,
    ) -> None:
        self._manifest, self._space = predictor.manifest, space
        self._cluster = Cluster(address)
        try:
            self._node = DeviceNode(
                self._cluster,
                RESOURCE.format(resource or predictor.manifest.device.fingerprint),
                partial(EngineBench, predictor, space, recording=recording),
                gpus=int(predictor.manifest.device.kind == "cuda"),
                advice="certify again",
            )
        except BaseException:
            self._cluster.close()
            raise
        try:
            self._device: DeviceInfo = self._node.ask("device")
            self._sentinel: str | None = self._node.ask("sentinel")
        except BaseException:
            self.close()
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
        visit: Visit = self._node.ask("visit", architecture)
        return visit

    def close(self) -> None:
        """Free the engines there, and leave the cluster."""
        self._node.close()
        self._cluster.close()
