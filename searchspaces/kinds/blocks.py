"""What the blocks of residual networks share: their checks and their map."""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import NORMS, check_choice, check_maps, convolved

KERNEL = 3
STRIDES = (1, 2)


def check_block(spec: ModuleSpec, *widths: str) -> None:
    """Check input, norm, stride and dilation of a block and that named widths are at least 1.

    Raises:
        ModuleSpecError: The block cannot exist.
    """
    check_choice(spec, "norm", NORMS)
    check_maps(spec, [spec.get_int("in_channels")])
    if spec.get_int("stride") not in STRIDES:
        raise ModuleSpecError(f"{spec.kind}.stride must be 1 or 2, got {spec.get_int('stride')}")
    for name in ("dilation", *widths):
        if spec.get_int(name) < 1:
            raise ModuleSpecError(
                f"{spec.kind}.{name} must be at least 1, got {spec.get_int(name)}"
            )


def block_map(spec: ModuleSpec) -> TensorSpec:
    """Return the map of a 3x3 block: same size at stride 1, half, rounded up, at stride 2."""
    return convolved(spec.inputs[0], spec.get_int("out_channels"), KERNEL, spec.get_int("stride"))
