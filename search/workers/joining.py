"""Join a Ray cluster, which is optional to have."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from ..errors import RunError
from .base import one_line

INSTALL = "pip install 'detfit[distributed]'"
ANYWHERE = "auto"  # the cluster that RAY_ADDRESS, or a head on this machine, names

_EVERYWHERE = ("CPU", "memory", "object_store_memory")  # which say nothing of a node
_RAYS_OWN = ("node:", "accelerator_type:")


class Cluster:
    """A Ray cluster that this process has joined; left again by :meth:`close`.

    Args:
        address: Of the cluster's head, or ``auto``.

    Attributes:
        ray: The library.
        address: As given.

    Raises:
        RunError: Ray is not installed, or the cluster does not answer.
    """

    def __init__(self, address: str = ANYWHERE) -> None:
        self.ray, self.address = _ray(), address
        self._joined = _join(self.ray, address)

    def offers(self, resource: str) -> int:
        """Return how many units of a resource its nodes offer together.

        Raises:
            RunError: None; says how to start a node that does.
        """
        count = int(self.ray.cluster_resources().get(resource, 0))
        if count < 1:
            start = f"ray start --address=HEAD:6379 --resources='{{\"{resource}\": 1}}'"
            raise RunError(
                f"no node of the Ray cluster {self.address!r} offers {resource!r}; start nodes "
                f"by: {start}; the cluster offers {self._offered()}"
            )
        return count

    def offers_alone(self, resource: str, gpus: int = 0) -> None:
        """Refuse unless a node offers a resource to one at a time, with so many GPUs.

        A node with several GPUs may offer it once for each.

        Raises:
            RunError: None does, or one offers it to several at once, who would disturb each other.
        """
        self.offers(resource)
        fitting = False
        for node in self.ray.nodes():
            units = node["Resources"].get(resource, 0) if node["Alive"] else 0
            there = int(node["Resources"].get("GPU", 0))
            if units > max(1, there if gpus else 1):
                raise RunError(
                    f"node {node['NodeManagerHostname']} offers {resource!r} {units:g} times, and "
                    "measurements there would disturb each other; start it with 1"
                    + (" for each GPU" if gpus else "")
                )
            fitting |= units >= 1 and there >= gpus
        if not fitting:
            raise RunError(
                f"no node that offers {resource!r} offers a GPU to Ray; start it with --num-gpus=1"
            )

    def _offered(self) -> str:
        """Return what tells the nodes apart, to be read."""
        units = self.ray.cluster_resources().items()
        named = [
            f"{name!r} ({count:g})"
            for name, count in sorted(units)
            if name not in _EVERYWHERE and not name.startswith(_RAYS_OWN)
        ]
        return ", ".join(named) or "nothing but processors"

    def close(self) -> None:
        """Leave the cluster if it was joined here."""
        if self._joined:
            self.ray.shutdown()
            self._joined = False


def _ray() -> ModuleType:
    if importlib.util.find_spec("ray") is None:
        raise RunError(f"a Ray cluster needs Ray, which is not installed; run: {INSTALL}")
    return importlib.import_module("ray")


def _join(ray: ModuleType, address: str) -> bool:
    """Join a cluster unless this process has done so; tell whether it is to be left again."""
    if ray.is_initialized():
        return False
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise RunError(
            f"no Ray cluster answers at {address!r}: {one_line(error)}; start one by `ray start "
            "--head`, or name its head as ray:HOST:6379"
        ) from error
    return True
