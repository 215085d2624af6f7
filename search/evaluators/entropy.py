"""How far the weights of a block spread its input: what entropy scores of networks add up.

With weights drawn from the standard normal distribution, and neither normalisation nor shortcut,
a convolution multiplies the second moment of its input by the number of inputs that each output
sums, and a ReLU halves it. The logarithm of the last second moment is, up to constants, the
differential entropy of the feature map. Sun et al., "MAE-DET: revisiting maximum entropy
principle in zero-shot NAS for efficient object detection", ICML 2022, arXiv:2111.13336, section
3; the vanilla network without normalisation and shortcuts is that of Lin et al., "Zen-NAS", ICCV
2021, arXiv:2102.01063.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from searchspaces import ModuleSpec

from ..errors import EvaluatorError

_RELU = -math.log(2.0)  # of a symmetric variable, half the second moment is left


def log_gain(spec: ModuleSpec) -> float:
    """Return the logarithm of how much a module multiplies the second moment of its input.

    Raises:
        EvaluatorError: Modules of this kind stand in no known backbone.
    """
    if spec.kind not in LOG_GAINS:
        raise EvaluatorError(
            f"modules of kind {spec.kind!r} have no entropy here; known: {', '.join(LOG_GAINS)}"
        )
    return LOG_GAINS[spec.kind](spec)


def _stem(spec: ModuleSpec) -> float:
    return math.log(spec.get_int("in_channels") * spec.get_int("kernel") ** 2) + _RELU


def _resnet_stem(spec: ModuleSpec) -> float:
    """Count the 7x7 convolution; the pooling behind it is taken to change nothing."""
    return math.log(spec.get_int("in_channels") * 49) + _RELU


def _basic_block(spec: ModuleSpec) -> float:
    inputs = 9 * spec.get_int("in_channels"), 9 * spec.get_int("out_channels")
    return math.log(math.prod(inputs)) + 2 * _RELU


def _bottleneck(spec: ModuleSpec) -> float:
    mid = spec.get_int("mid_channels")
    inputs = spec.get_int("in_channels"), 9 * mid // spec.get_int("groups"), mid
    return math.log(math.prod(inputs)) + 3 * _RELU


def _inverted_residual(spec: ModuleSpec) -> float:
    """Count expansion, where there is one, depthwise and linear convolution."""
    hidden, taken = spec.get_int("hidden_channels"), spec.get_int("in_channels")
    expansion = 0.0 if hidden == taken else math.log(taken) + _RELU
    return expansion + math.log(9 * hidden) + _RELU


def _shuffle_block(spec: ModuleSpec) -> float:
    """Average both halves: at stride 1 one is handed on, at stride 2 both are computed."""
    taken, given = spec.get_int("in_channels"), spec.get_int("out_channels")
    if spec.get_int("stride") == 1:
        return _mean((1.0, 0.0), (1.0, _branch(spec, taken // 2)))
    projection = math.log(spec.get_int("kernel") ** 2 * taken) + _RELU
    return _mean((taken, projection), (given - taken, _branch(spec, taken)))


def _branch(spec: ModuleSpec, taken: int) -> float:
    mid, window = spec.get_int("mid_channels"), spec.get_int("kernel") ** 2
    if spec.get_str("op") == "conv":
        return math.log(taken * window * mid) + 2 * _RELU
    return math.log(window * taken * window * mid * window * mid) + 3 * _RELU


def _mean(*parts: tuple[float, float]) -> float:
    """Return the logarithm of the weighted mean of ``(weight, logarithm)``."""
    weight, most = sum(w for w, _ in parts), max(log for _, log in parts)
    return most + math.log(sum(w * math.exp(log - most) for w, log in parts) / weight)


LOG_GAINS: dict[str, Callable[[ModuleSpec], float]] = {
    "stem_conv": _stem,
    "resnet_stem": _resnet_stem,
    "basic_block": _basic_block,
    "bottleneck": _bottleneck,
    "inverted_residual": _inverted_residual,
    "shuffle_block": _shuffle_block,
}
"""Kind of a backbone's module -> the logarithm of its gain."""
