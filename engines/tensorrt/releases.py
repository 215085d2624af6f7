"""Which class drives which release of TensorRT; finds the one that is installed."""

from __future__ import annotations

from typing import Any

from .. import _imports
from ..errors import EngineUnavailableError
from .api import Api, Api8, Api10, Api11
from .limits import INSTALL, Release

APIS: dict[int, type[Api]] = {8: Api8, 10: Api10, 11: Api11}
OLDEST: Release = (8, 6)


def load_api() -> Api:
    """Import tensorrt and return what drives its release.

    Raises:
        EngineUnavailableError: It is missing, does not load, or is a release that is not driven.
    """
    return api_for(_imports.load("tensorrt", "tensorrt", INSTALL))


def api_for(trt: Any) -> Api:
    """Return what drives the release of a loaded module.

    Raises:
        EngineUnavailableError: The release is older than 8.6, 9, or newer than 11.
    """
    release = release_of(str(trt.__version__))
    kind = APIS.get(release[0])
    if kind is None or release < OLDEST:
        raise EngineUnavailableError(
            f"TensorRT {trt.__version__} is not driven by this version of detfit; known are "
            f"8.6.1, 10 and 11; run: pip install {INSTALL}"
        )
    return kind(trt)


def release_of(version: str) -> Release:
    """Return major and minor number of a version such as ``10.13.3.9.post1``.

    Raises:
        EngineUnavailableError: It does not begin with two numbers.
    """
    parts = version.split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        raise EngineUnavailableError(f"cannot read the version {version!r} of TensorRT")
    return int(parts[0]), int(parts[1])
