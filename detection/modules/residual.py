"""How the branch of a residual block begins its training."""

from __future__ import annotations

from torch import Tensor, nn

RESIDUAL_SCALE = 0.2


def damp_residual(branch: nn.Sequential) -> None:
    """Begin a residual branch small: its last normalisation scales by 0.2 instead of 1.

    Thirty blocks in a row then keep the signal's size before any statistics are known. Zero
    (Goyal et al. 2017, sec. 5.1) would do so too, but keep gradients from the branch's first
    layers.
    """
    scale = branch[1].weight
    if not isinstance(scale, Tensor):
        raise TypeError(f"expected convolution and normalisation, got {branch}")
    nn.init.constant_(scale, RESIDUAL_SCALE)
