"""The real interface of TensorRT's releases, on a machine without TensorRT.

``tensorrt-cu12-bindings`` on the package index are the real Python bindings; they need nine C
functions of three libraries. With empty stand-ins for these the module imports on any CPU, and
every class, enumeration and signature can be read (nothing can be parsed or built). Wheels are
kept outside the repository, in ``DETFIT_TENSORRT_WHEELS`` or the system's temporary folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

STUBS = {
    "nvinfer": (
        "createInferBuilder_INTERNAL",
        "createInferRefitter_INTERNAL",
        "createInferRuntime_INTERNAL",
        "getBuilderPluginRegistry",
        "getPluginRegistry",
    ),
    "nvonnxparser": (
        "createNvOnnxParserRefitter_INTERNAL",
        "createNvOnnxParser_INTERNAL",
        "getNvOnnxParserVersion",
    ),
    "nvinfer_plugin": ("initLibNvInferPlugins",),
}
SECONDS = 90
_OFFLINE = "no index"
_FAILED: dict[str, str] = {}  # reasons by what failed in this process

# Runs in a process of its own: two releases cannot be loaded side by side.
DUMP = """
import inspect, json, sys
sys.path.insert(0, sys.argv[1])
import tensorrt_bindings as module

def members(kind):
    found = {}
    values = getattr(kind, "__members__", {})
    for name in dir(kind):
        if name.startswith("__") and name != "__init__":
            continue
        item = inspect.getattr_static(kind, name)
        if isinstance(item, property):
            doc, settable = item.fget.__doc__ or "", item.fset is not None
            found[name] = {"kind": "property", "doc": doc, "settable": settable}
        elif name in values:
            found[name] = {"kind": "value"}
        elif inspect.isclass(getattr(kind, name)):
            found[name] = {"kind": "class"}
        elif callable(getattr(kind, name)):
            found[name] = {"kind": "method", "doc": getattr(kind, name).__doc__ or ""}
    return found

classes, functions = {}, {}
for name, item in vars(module).items():
    if inspect.isclass(item):
        classes[name] = members(item)
        for inner, value in vars(item).items():
            if inspect.isclass(value):
                classes[f"{name}.{inner}"] = members(value)
    elif inspect.isfunction(item):
        functions[name] = f"{name}{inspect.signature(item)} -> object"
    elif callable(item):
        functions[name] = item.__doc__ or ""
json.dump({"version": module.__version__, "classes": classes, "functions": functions}, sys.stdout)
"""


class NotToBeHadError(Exception):
    """A wheel or a compiler is not at hand; the message says which."""


def cache_folder() -> Path:
    given = os.environ.get("DETFIT_TENSORRT_WHEELS")
    folder = Path(given) if given else Path(tempfile.gettempdir()) / "detfit-tensorrt-wheels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def surface(version: str, package: str = "tensorrt-cu12-bindings") -> dict[str, Any]:
    """Return classes with their members, and functions, of one release; kept as JSON."""
    folder = cache_folder() / f"{package}-{version}-{sys.implementation.cache_tag}"
    kept = folder / "surface.json"
    if not kept.is_file():
        unpacked = unpack(package, version, folder)
        with tempfile.TemporaryDirectory() as stubs:
            build_stubs(Path(stubs), version.split(".")[0])
            environment = {**os.environ, "LD_LIBRARY_PATH": stubs}
            command = [sys.executable, "-c", DUMP, str(unpacked)]
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=SECONDS
            )
        if done.returncode:
            raise AssertionError(f"{package} {version} does not import: {done.stderr[-500:]}")
        temporary = kept.with_suffix(f".{os.getpid()}")
        temporary.write_text(done.stdout)
        temporary.replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def unpack(package: str, version: str, folder: Path) -> Path:
    """Download a wheel unless it is there, and unpack it; what fails is asked for once."""
    target = folder / "unpacked"
    if target.is_dir():
        return target
    for known in (f"{package} {version}", _OFFLINE):
        if known in _FAILED:
            raise NotToBeHadError(_FAILED[known])
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--retries", "1"]
    with tempfile.TemporaryDirectory(dir=folder) as partial:
        done = subprocess.run(
            [*command, "--timeout", "10", "-d", partial, f"{package}=={version}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        wheels = sorted(Path(partial).glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["no wheel"])[-1]
            reason = f"{package} {version} cannot be downloaded here: {last}"
            offline = "from versions: none" in done.stderr  # pip got no list of versions at all
            _FAILED[_OFFLINE if offline else f"{package} {version}"] = reason
            raise NotToBeHadError(reason)
        zipfile.ZipFile(wheels[0]).extractall(Path(partial) / "unpacked")
        if not target.is_dir():
            os.replace(Path(partial) / "unpacked", target)
    return target


def build_stubs(folder: Path, major: str) -> None:
    """Compile empty stand-ins for TensorRT's three libraries."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NotToBeHadError("no C compiler to make stand-ins for TensorRT's libraries")
    for library, names in STUBS.items():
        name = f"lib{library}.so.{major}"
        source = "".join(f"void* {function}(void) {{ return 0; }}\n" for function in names)
        command = [compiler, "-shared", "-fPIC", "-x", "c", "-", f"-Wl,-soname,{name}"]
        subprocess.run([*command, "-o", str(folder / name)], input=source, text=True, check=True)
