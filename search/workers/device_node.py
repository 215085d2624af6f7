"""Hold the device of a Ray cluster's node while something is measured on it.

A node says which device it has, and that one measurement at a time may run there, when it is
started::

    ray start --address=HEAD:6379 --resources='{"detfit-device-v100": 1}'

What follows ``detfit-device-`` is any name for that kind of device, or the fingerprint of one.
"""

from __future__ import annotations

import pickle
import platform
from collections.abc import Callable
from typing import Any

from ..errors import RunError
from .base import one_line
from .joining import Cluster

RESOURCE = "detfit-device-{}"
LOOK_S = 1.0  # between two looks while others use the device


class DeviceNode:
    """Keep an object in a process on the node that has a device, alone on it.

    Args:
        cluster: That has been joined.
        resource: By which the node says that it has the device.
        make: Makes the object there; it is sent pickled, so that what it is made of has to be
            importable on the node.
        gpus: GPUs that Ray gives the process: there, they are all there are.
        advice: What to do after the node has died.
        waiting: Told what is waited for while others use the device.

    Raises:
        RunError: No node offers the device, or one offers it several times; or the project cannot
            be loaded there.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: str,
        make: Callable[[], Any],
        *,
        gpus: int = 0,
        advice: str,
        waiting: Callable[[str], None] | None = None,
    ) -> None:
        cluster.offers_alone(resource, gpus)
        self._cluster, self._resource, self._advice = cluster, resource, advice
        ray = cluster.ray
        needs: dict[str, Any] = {"num_cpus": 0, "resources": {resource: 1}}
        if gpus:
            needs["num_gpus"] = gpus
        process = ray.remote(**needs)(_Process)
        self._process = process.remote(ray.put(pickle.dumps(make)))
        try:
            self._host = self._placed(waiting)
        except BaseException:
            self.close()
            raise

    @property
    def host(self) -> str:
        """Return the name of the node's machine."""
        return self._host

    def ask(self, name: str, *args: Any) -> Any:
        """Return an attribute of the object there, or what its method of that name returns.

        What is raised there is raised here.

        Raises:
            RunError: The node, or the process on it, has died.
        """
        ray = self._cluster.ray
        try:
            return ray.get(self._process.answer.remote(name, args))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None  # as if it had been here
        except ray.exceptions.RayError as error:
            raise RunError(
                f"the process that measures on node {self._host} has died, or the node with it; "
                f"{self._advice}"
            ) from error

    def close(self) -> None:
        """End the process there, whatever it does, and free the device."""
        self._cluster.ray.kill(self._process)

    def _placed(self, waiting: Callable[[str], None] | None) -> str:
        """Wait for the device, and return its node's name."""
        ray = self._cluster.ray
        place = self._process.place.remote()
        while not ray.wait([place], timeout=LOOK_S)[0]:  # ends: with the turn, or with the node
            self._cluster.offers(self._resource)
            if waiting is not None:
                waiting(f"waiting for {self._resource}")
        try:
            host: str = ray.get(place)
        except ray.exceptions.RayError as error:
            raise RunError(
                f"the node that offers {self._resource!r} cannot measure: {one_line(error)}; it "
                "may have died, or lack the project, which has to be installed there as it is here"
            ) from error
        return host


class _Process:
    """What Ray runs on the node; makes the object when it is first asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._made: Any = None

    def place(self) -> str:
        return platform.node()

    def answer(self, name: str, args: tuple[Any, ...]) -> Any:
        if self._made is None:
            self._made = pickle.loads(self._content)()  # sent a moment ago; never a file
        value = getattr(self._made, name)
        return value(*args) if callable(value) else value
