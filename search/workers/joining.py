"""Join a Ray cluster, which is optional to have."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from ..errors import RunError
from .base import one_line

INSTALL = "pip install 'detfit[distributed]'"
ANYWHERE = "auto"  # the cluster that RAY_ADDRESS, or a head on this machine, names


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
            raise RunError(
                f"no node of the Ray cluster {self.address!r} offers {resource!r}; start nodes "
                f"by: ray start --address=HEAD:6379 --resources='{{\"{resource}\": 1}}'"
            )
        return count

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
