"""Tensors at the borders of a part of a network, in the layout that they have inside of it.

OpenVINO computes convolutions with channels last and turns tensors round at the borders of a
graph. Inside a whole network there is no border, so a part that is timed by itself pays what the
whole does not: up to ten times what its modules take (2026.4, AVX-512).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ..base import Array

PLANAR, CHANNELS_LAST = "NCHW", "NHWC"


def with_channels_last(runtime: Any, model: Any, names: Collection[str]) -> Any:
    """Return an OpenVINO model that takes and gives some tensors ``(n, h, w, c)``.

    Args:
        runtime: The package openvino.
        model: With these tensors ``(n, c, h, w)``.
        names: Of inputs and outputs; those that the model does not have are left out.
    """
    steps = runtime.preprocess.PrePostProcessor(model)
    planar, last = runtime.Layout(PLANAR), runtime.Layout(CHANNELS_LAST)
    for ports, step in ((model.inputs, steps.input), (model.outputs, steps.output)):
        for index, port in enumerate(ports):
            if not port.names.isdisjoint(names):
                step(index).model().set_layout(planar)
                step(index).tensor().set_layout(last)
    return steps.build()


def channels_last(array: Array) -> Array:
    """Return ``(n, c, h, w)`` as ``(n, h, w, c)``, in one piece."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


def planar(array: Array) -> Array:
    """Return ``(n, h, w, c)`` as ``(n, c, h, w)``, in one piece."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1))
