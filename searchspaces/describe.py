"""Spaces and detectors as JSON-able fields, for the command line and reports."""

from __future__ import annotations

from dataclasses import asdict
from inspect import signature
from typing import Any

import numpy as np

from .arch_text import format_arch
from .architecture import Architecture
from .detector import DetectorSpec
from .kinds import cost_of
from .modules import ModuleSpec
from .space import SearchSpace
from .spaces import SPACES, make_space
from .zoo import ZooSpace

LISTED = 64  # architectures of a space that are listed one by one


def describe_spaces(name: str | None = None) -> list[dict[str, Any]]:
    """Return name, exact size, positions, choices and options of every space, or of one.

    Raises:
        UnknownSpaceError: The name is not registered.
    """
    return [_describe_space(make_space(key)) for key in (SPACES if name is None else [name])]


def _describe_space(space: SearchSpace) -> dict[str, Any]:
    per_gene = getattr(space, "gene_choices", ())
    summary = (type(space).__doc__ or "").splitlines()[0]
    fields: dict[str, Any] = {
        "name": space.name,
        "size": space.size,
        "positions": len(per_gene) or None,
        "choices_per_position": sorted({len(each) for each in per_gene}),
        "choices": {what: list(values) for what, values in getattr(space, "choices", {}).items()},
        "options": list(signature(SPACES[space.name]).parameters),
        "example": format_arch(space, space.sample(np.random.default_rng(0))),
        "about": summary,
    }
    for count in ("eligible_codes", "declared_codes"):
        if hasattr(space, count):
            fields[count] = dict(getattr(space, count))
    if space.size <= LISTED and hasattr(space, "enumerate"):
        fields["architectures"] = [format_arch(space, arch) for arch in space.enumerate()]
    return fields


def describe_detector(
    space: SearchSpace, arch: Architecture, *, elementwise: bool = False
) -> dict[str, Any]:
    """Return input size, multiply-adds per part, parameters and modules of an architecture.

    Args:
        space: Where the architecture lies.
        arch: The architecture.
        elementwise: Add normalisation and activation operations to the multiply-adds.

    Raises:
        ArchitectureError: The space does not hold the architecture.
    """
    detector = space.detector(arch)
    return {
        "arch": format_arch(space, arch),
        **(_published(space, arch) if isinstance(space, ZooSpace) else {}),
        "input_hw": list(detector.input_hw),
        "macs": detector.macs(elementwise=elementwise),
        "params": detector.params(),
        "modules": _describe_modules(detector, elementwise),
    }


def _published(zoo: ZooSpace, arch: Architecture) -> dict[str, Any]:
    """Return the code of a published model in its own space, and what its paper says of it."""
    model = zoo.model(arch)
    return {
        "code": f"{model.space}:{model.code}",
        "options": dict(model.options),
        "published": [asdict(figure) for figure in model.figures],
    }


def _describe_modules(detector: DetectorSpec, elementwise: bool) -> list[dict[str, Any]]:
    parts: dict[ModuleSpec, dict[str, None]] = {}
    for node in detector.graph().nodes:
        parts.setdefault(node.spec, {})[node.part] = None
    rows = []
    for spec, count in detector.modules():
        cost = cost_of(spec)
        macs = cost.macs + (cost.elementwise if elementwise else 0)
        rows.append(
            {
                "kind": spec.kind,
                "variant": describe_variant(spec),
                "part": "+".join(parts[spec]),
                "inputs": [str(tensor) for tensor in spec.inputs],
                "count": count,
                "macs": macs * count,
                "key": spec.key,
            }
        )
    return rows


def describe_variant(spec: ModuleSpec) -> str:
    """Return what tells a block from its like: operation, kernel and stride, where it has them.

    Example:
        >>> from searchspaces import TensorSpec
        >>> describe_variant(ModuleSpec.of("conv", [TensorSpec((1, 3, 8, 8))], kernel=5, stride=2))
        '5x5 /2'
    """
    params = dict(spec.params)
    words = [str(params["op"])] if "op" in params else []
    if "kernel" in params:
        words.append(f"{params['kernel']}x{params['kernel']}")
    if "stride" in params:
        words.append(f"/{params['stride']}")
    return " ".join(words)
