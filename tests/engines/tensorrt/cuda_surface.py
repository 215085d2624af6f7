"""What ``cuda.bindings.runtime`` offers, as plain data.

Run as a script, with the folder of an unpacked wheel, it tells that of another release: two cannot
be loaded side by side. No call is made, so that neither a driver nor a GPU is needed.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 60


def surface_of(runtime: Any) -> dict[str, Any]:
    """Return the first line that functions say of themselves, and the members of classes."""
    names = [name for name in dir(runtime) if name.startswith("cuda")]
    found = {name: getattr(runtime, name) for name in names}
    return {
        "names": names,
        "functions": {
            name: (item.__doc__ or "").strip().splitlines()[:1]
            for name, item in found.items()
            if callable(item) and not inspect.isclass(item)
        },
        "classes": {name: dir(item) for name, item in found.items() if inspect.isclass(item)},
    }


def surface_in(folder: Path) -> dict[str, Any]:
    """Return the same of an unpacked wheel, from a process of its own."""
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise AssertionError(f"{folder} does not import: {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.path[0] = sys.argv[1]  # instead of this folder
    import cuda.bindings.runtime

    if sys.argv[1] not in (cuda.bindings.runtime.__file__ or ""):
        raise ImportError(f"{cuda.bindings.runtime.__file__} is not of {sys.argv[1]}")
    json.dump(surface_of(cuda.bindings.runtime), sys.stdout)
