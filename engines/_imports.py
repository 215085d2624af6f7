"""Find packages without loading them, and say how to install what is missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from .errors import EngineUnavailableError


def missing_reason(module: str, install: str) -> str | None:
    """Return why ``module`` cannot be imported, or None; nothing is loaded.

    Args:
        module: Import name of a top-level package.
        install: The arguments of ``pip install`` that provide it.
    """
    if importlib.util.find_spec(module) is not None:
        return None
    return f"the package {module!r} is not installed; run: pip install {install}"


def load(module: str, needs: str, install: str) -> ModuleType:
    """Import ``module``, which needs the package ``needs``.

    Raises:
        EngineUnavailableError: The package is missing or broken.
    """
    reason = missing_reason(needs, install)
    if reason is not None:
        raise EngineUnavailableError(reason)
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a shared library does not load
        raise EngineUnavailableError(
            f"the package {needs!r} is installed but does not load ({error}); "
            f"reinstall it: pip install --force-reinstall {install}"
        ) from error
