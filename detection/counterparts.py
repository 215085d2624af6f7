"""Which backbone module of one supernet is which of another made for another input size.

A bank names its modules by their whole specification, the sides of their inputs included, since
the weights of some kinds depend on them (a box head's). Those of backbones do not: a backbone that
was pre-trained at 224 x 224, as on ImageNet, fits a supernet of any input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from searchspaces import ModuleSpec

BACKBONE_PREFIX = "backbone_"
"""What the names of a backbone's nodes begin with."""


def backbone_counterparts(
    wanted: Mapping[str, ModuleSpec], given: Mapping[str, ModuleSpec]
) -> dict[str, str]:
    """Return for a bank's backbone modules those of another that stand at the same place.

    They have the same node, kind, parameters and channels. Where the other bank holds one for
    several sizes of the input, the size that is nearest is taken.

    Args:
        wanted: Specifications of one supernet's modules by name; see :class:`Supernet`.
        given: Those of another.

    Returns:
        The name in ``given`` by the name in ``wanted``; without those that have no counterpart.
    """
    places: dict[tuple[object, ...], list[str]] = {}
    for name, spec in given.items():
        places.setdefault(_place(name, spec), []).append(name)
    found = {}
    for name, spec in wanted.items():
        alike = places.get(_place(name, spec), ()) if name.startswith(BACKBONE_PREFIX) else ()
        if alike:
            distances = {other: _distance(spec, given[other]) for other in alike}
            found[name] = min(distances, key=distances.__getitem__)
    return found


def _place(name: str, spec: ModuleSpec) -> tuple[object, ...]:
    """Return what names a module whatever the sides of its inputs."""
    channels = tuple(tensor.shape[1:2] for tensor in spec.inputs)
    return name.rpartition("__")[0], spec.kind, spec.params, channels


def _distance(a: ModuleSpec, b: ModuleSpec) -> float:
    """Return how much the sides of the inputs differ: 0 where they are the same."""
    return sum(
        abs(math.log(mine / other))
        for first, second in zip(a.inputs, b.inputs, strict=True)
        for mine, other in zip(first.shape[2:], second.shape[2:], strict=True)
    )
