"""The device of a Ray cluster's node, for measurements that are planned and written here."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engines import DeviceInfo, EngineUnavailableError, get_backend
from latency import OpenSite, ProfileConfig, ProfileError, Recording, Row, Site, Task, site_here
from searchspaces import sha256_of_file

from ..errors import RunError
from .device_node import RESOURCE, DeviceNode
from .joining import ANYWHERE, Cluster

Progress = Callable[[str, float, float], None]

ADVICE = "what was measured before is in the table: go on by --resume"
CPU, CUDA, FIRST_GPU = "cpu", "cuda", ("cuda", "cuda:0")


@dataclass(frozen=True, slots=True)
class Place:
    """Say where is measured: an engine on a device of a cluster.

    Attributes:
        engine: Its name; it need not be installed here.
        engine_options: How it builds, each ``NAME=VALUE``.
        address: Of the cluster's head, or ``auto``.
        resource: What nodes call the device, after ``detfit-device-``; ``cpu`` or ``cuda`` if
            None.
    """

    engine: str
    engine_options: tuple[str, ...] = ()
    address: str = ANYWHERE
    resource: str | None = None


@contextmanager
def site_on_cluster(
    place: Place, config: ProfileConfig, path: Path, progress: Progress | None
) -> Iterator[OpenSite]:
    """Join the cluster, and give what opens the device for a table.

    Args:
        place: Where is measured.
        config: How.
        path: The table file.
        progress: Told what is waited for while others use the device.

    Raises:
        RunError: Ray is not installed, the cluster does not answer, no node offers the device, or
            the node died.
        EngineError: The engine is unknown.
    """
    kind = _kind(config.device)
    with suppress(EngineUnavailableError):  # it is needed there, not here
        get_backend(place.engine, place.engine_options)
    name, gpus = RESOURCE.format(place.resource or kind), int(kind == CUDA)
    there = partial(site_there, place.engine, place.engine_options, config, _kept_as(path))
    waiting = None if progress is None else partial(_waiting, progress)
    with closing(Cluster(place.address)) as cluster:
        cluster.offers_alone(name, gpus)  # before anything is planned

        def open_site(recording: Recording | None, inputs: str | None) -> RaySite:
            make = partial(there, recording, inputs)
            return RaySite(
                DeviceNode(cluster, name, make, gpus=gpus, advice=ADVICE, waiting=waiting)
            )

        yield open_site


class RaySite:
    """Be the device of a node, for a profile that is written here.

    Args:
        node: Holds a site.
    """

    def __init__(self, node: DeviceNode) -> None:
        self._node = node
        try:
            self.device: DeviceInfo = node.ask("device")
            self.sentinel_key: str = node.ask("sentinel_key")
            self.software: Mapping[str, str] = node.ask("software")
        except BaseException:
            node.close()
            raise

    def require_quiet(self) -> None:
        """Refuse to start on a node that is not quiet.

        Raises:
            ProfileError: Other programs there take what the measurements need.
            RunError: The node died.
        """
        self._node.ask("require_quiet")

    def visit(self, task: Task, attempt: int, usual_ms: float | None) -> Row:
        """Measure a workload there once.

        Raises:
            RunError: The node died.
        """
        row: Row = self._node.ask("visit", task, attempt, usual_ms)
        return row

    def finish(self) -> None:
        """Delete the models that are kept there."""
        self._node.ask("finish")

    def close(self) -> None:
        """End the process there, in the middle of a measurement, too."""
        self._node.close()


def site_there(
    engine: str,
    engine_options: Sequence[str],
    config: ProfileConfig,
    kept_as: str,
    recording: Recording | None,
    inputs: str | None,
) -> Site:
    """Open the device of the machine that this runs on, for a table of another one.

    Args:
        engine: Name of the engine.
        engine_options: How it builds.
        config: How to measure.
        kept_as: Name under which ONNX models are kept until the profile is over.
        recording: Inputs of data-dependent modules.
        inputs: Hash of their file.

    Raises:
        EngineError: The engine cannot be used here.
        ProfileError: The engine cannot build the sentinel, or the trained weights that the inputs
            were recorded with are not here.
    """
    if recording is not None and recording.weights is not None:
        _require_weights(recording.weights, recording.origin.weights_sha256)
    backend = get_backend(engine, engine_options)
    return site_here(backend, config, _cache_folder() / kept_as)(recording, inputs)


def _require_weights(path: Path, sha256: str | None) -> None:
    if not path.is_file() or sha256_of_file(path) != sha256:
        raise ProfileError(
            f"node {platform.node()} does not have the weights {path} that inputs are recorded "
            "with; put the same file at the same path there"
        )


def _kind(device: str) -> str:
    if device != CPU and device not in FIRST_GPU:
        raise RunError(
            f"on a cluster the device is cpu or cuda:0, the one that Ray gives the profile on its "
            f"node, got {device!r}"
        )
    return device.partition(":")[0]


def _kept_as(table: Path) -> str:
    """Return a name that is the table's alone, also among tables of other machines."""
    return hashlib.sha256(f"{platform.node()}:{table.absolute()}".encode()).hexdigest()[:16]


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "detfit"


def _waiting(progress: Progress, message: str) -> None:
    progress(message, 0, 1)
