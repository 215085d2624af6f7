"""What backbones of residual blocks share: appending a block, checking what is declared."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ModuleSpecError
from .base import GraphBuilder, Ref

EXPANSION = 4  # ResNet, table 1: a bottleneck gives four times its planes
WIDTH_UNIT = 64  # ResNeXt: the group width is that of 64 planes
DILATIONS = (1, 2, 3)
"""CR-NAS, convolution reallocation: the rates that a block chooses from."""


def basic_block(
    graph: GraphBuilder,
    name: str,
    part: str,
    x: Ref,
    planes: int,
    *,
    stride: int,
    dilation: int = 1,
    norm: str,
) -> Ref:
    """Append a basic block, which gives its planes."""
    return graph.add(
        name,
        part,
        "basic_block",
        [x],
        in_channels=x[1].shape[1],
        out_channels=planes,
        stride=stride,
        dilation=dilation,
        norm=norm,
    )[0]


def bottleneck(
    graph: GraphBuilder,
    name: str,
    part: str,
    x: Ref,
    planes: int,
    *,
    groups: int,
    group_width: int,
    stride: int,
    dilation: int = 1,
    norm: str,
) -> Ref:
    """Append a bottleneck; ``group_width`` are the channels of a group at 64 planes."""
    return graph.add(
        name,
        part,
        "bottleneck",
        [x],
        in_channels=x[1].shape[1],
        mid_channels=planes * group_width // WIDTH_UNIT * groups,
        out_channels=planes * EXPANSION,
        groups=groups,
        stride=stride,
        dilation=dilation,
        norm=norm,
    )[0]


def inverted_residual(
    graph: GraphBuilder,
    name: str,
    part: str,
    x: Ref,
    out: int,
    *,
    expansion: int,
    stride: int,
    dilation: int = 1,
    norm: str,
) -> Ref:
    """Append an inverted residual; its hidden width is the input's times ``expansion``."""
    c_in = x[1].shape[1]
    return graph.add(
        name,
        part,
        "inverted_residual",
        [x],
        in_channels=c_in,
        hidden_channels=c_in * expansion,
        out_channels=out,
        stride=stride,
        dilation=dilation,
        norm=norm,
    )[0]


def check_option(name: str, value: object, allowed: Sequence[str]) -> None:
    """Check that a text is one of the allowed; ``name`` says whose, as in ``Fpn.norm``.

    Raises:
        ModuleSpecError: It is not.
    """
    if value not in allowed:
        raise ModuleSpecError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def check_depths(owner: str, depths: tuple[int, ...], count: int) -> None:
    """Check that there are ``count`` depths of at least one block.

    Raises:
        ModuleSpecError: There are not.
    """
    given: object = depths
    if (
        not isinstance(given, tuple)
        or len(given) != count
        or any(type(depth) is not int or depth < 1 for depth in given)
    ):
        raise ModuleSpecError(
            f"{owner}.depths must be a tuple of {count} ints >= 1, got {depths!r}"
        )


def check_dilations(
    owner: str, dilations: tuple[tuple[int, ...], ...] | None, depths: tuple[int, ...]
) -> None:
    """Check that every block has a dilation, and one that the paper knows.

    Raises:
        ModuleSpecError: Lengths differ from the depths or a rate is none of 1..3.
    """
    if dilations is None:
        return
    if not isinstance(dilations, tuple) or any(not isinstance(r, tuple) for r in dilations):
        raise ModuleSpecError(
            f"{owner}.dilations must be None or a tuple of one tuple of rates per stage, got "
            f"{dilations!r}"
        )
    lengths = tuple(map(len, dilations))
    if lengths != depths:
        raise ModuleSpecError(
            f"{owner}.dilations must hold one rate per block: {depths} rates for the "
            f"{len(depths)} stages, got {lengths}"
        )
    for stage, rates in enumerate(dilations):
        for block, rate in enumerate(rates):
            if type(rate) is not int or rate not in DILATIONS:
                raise ModuleSpecError(
                    f"{owner}.dilations[{stage}][{block}] must be 1, 2 or 3, got {rate!r}"
                )
