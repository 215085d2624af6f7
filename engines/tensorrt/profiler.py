"""Time the layers of an engine one by one."""

from __future__ import annotations

from typing import Any


def make_profiler(trt: Any) -> Any:
    """Return an ``IProfiler`` whose ``samples`` hold milliseconds by layer.

    TensorRT reports the layers of a run in order; a name that comes twice in a run is two layers.
    """
    base: Any = trt.IProfiler

    class Profiler(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)
            self.samples: dict[str, list[float]] = {}
            self._seen: dict[str, int] = {}

        def begin_run(self) -> None:
            self._seen.clear()

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            times = self._seen.get(layer_name, 0)
            self._seen[layer_name] = times + 1
            name = layer_name if times == 0 else f"{layer_name} #{times + 1}"
            self.samples.setdefault(name, []).append(float(ms))

    return Profiler()
