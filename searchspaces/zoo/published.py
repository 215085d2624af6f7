"""A published model: where it lies in our spaces, and what its paper says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SM_NAS = "SM-NAS (Yao et al., AAAI 2020)"
DETNAS = "DetNAS (Chen et al., NeurIPS 2019)"
DETNAS_CODE = "released code of DetNAS (megvii-model/DetNAS), README"
CR_NAS = "CR-NAS (Liang et al., ICLR 2020)"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a paper reports of a model.

    Attributes:
        what: Quantity, e.g. ``COCO AP``.
        value: As printed.
        unit: ``%``, ``G`` multiply-adds, ``ms``.
        source: Paper or released code.
    """

    what: str
    value: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class ZooModel:
    """Name a published model by its code in one of the spaces.

    Attributes:
        name: As in ``zoo:NAME``.
        space: Name of the space that holds it.
        code: Its code there.
        options: Options of the space under which the code means this model.
        figures: What is published of it.
    """

    name: str
    space: str
    code: str
    options: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
