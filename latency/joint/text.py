"""Joint costs as fields of a JSON file: the measurements, which all else follows from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from searchspaces import ModuleSpec

from ..errors import PredictorError
from .costs import JointCosts
from .covariance import Spread
from .equation import Equation
from .known_basis import KnownBasis
from .layer_work import FAMILIES, WORK, Basis, WorkBasis
from .rates import Rates
from .simulated_basis import SimulatedBasis


def joint_to_fields(costs: JointCosts) -> dict[str, Any]:
    """Return JSON-able fields."""
    specs = list(dict.fromkeys(spec for each in costs.equations for spec in each.counts))
    number = {spec: index for index, spec in enumerate(specs)}
    return {
        "modules": [spec.key for spec in specs],
        "equations": [
            {
                "counts": [[number[spec], count] for spec, count in each.counts.items()],
                "ms": each.ms,
                "whole": each.whole,
                "border": each.border,
                "ends": each.ends,
                "visits": each.visits,
                "doubt": each.doubt,
                "key": each.key,
            }
            for each in costs.equations
        ],
        "rates": {
            "layers": dict(zip(FAMILIES, costs.rates.layers.tolist(), strict=True)),
            "start_ms": costs.rates.start_ms,
            "border_ms": costs.rates.border_ms,
        },
        "spread": asdict(costs.spread),
        "basis": _basis_to_fields(costs.basis),
    }


def _basis_to_fields(basis: Basis) -> dict[str, Any] | None:
    """Return what a trend is a trend of; None for the layers' work."""
    if isinstance(basis, KnownBasis):
        return {"joint": joint_to_fields(basis.source), "alike": basis.alike}
    return {"simulated": asdict(basis)} if isinstance(basis, SimulatedBasis) else None


def _basis_from_fields(given: Mapping[str, Any] | None) -> Basis:
    if given is None:
        return WorkBasis()
    if "joint" in given:
        alike = _positive(given["alike"], "alike", zero=True)
        return KnownBasis(joint_from_fields(given["joint"]), alike)
    simulated = given["simulated"]
    own = str(simulated.get("specification", ""))
    return SimulatedBasis(str(simulated["name"]), str(simulated["precision"]), own)


def joint_from_fields(given: Mapping[str, Any]) -> JointCosts:
    """Read back what :func:`joint_to_fields` gave.

    Raises:
        PredictorError: A field is missing, holds what it must not, or points nowhere.
    """
    try:
        specs = [ModuleSpec.parse(key) for key in given["modules"]]
        equations = tuple(_equation(each, specs) for each in given["equations"])
        spread = {f.name: _positive(given["spread"][f.name], f.name) for f in fields(Spread)}
        rates = _rates(given["rates"])
        basis = _basis_from_fields(given["basis"])
    except KeyError as error:
        raise PredictorError(f"joint costs lack {error.args[0]!r}") from None
    if not equations:
        raise PredictorError("joint costs hold no equations; fit the table again")
    return JointCosts(equations, rates, Spread(**spread), basis)


def _equation(given: Mapping[str, Any], specs: Sequence[ModuleSpec]) -> Equation:
    if not all(0 <= index < len(specs) and count > 0 for index, count in given["counts"]):
        raise PredictorError(
            f"counts of an equation must be positive and of its {len(specs)} modules, got "
            f"{given['counts']}"
        )
    return Equation(
        {specs[index]: int(count) for index, count in given["counts"]},
        _positive(given["ms"], "ms"),
        bool(given["whole"]),
        int(given["border"]),
        str(given["ends"]),
        max(1, int(given["visits"])),
        _positive(given["doubt"], "doubt"),
        str(given["key"]),
    )


def _rates(given: Mapping[str, Any]) -> Rates:
    layers = [
        [_positive(rate, name, zero=True) for rate in given["layers"][name]] for name in FAMILIES
    ]
    if any(len(rates) != WORK for rates in layers):
        raise PredictorError(f"rates of a family must be {WORK} numbers, got {layers}")
    start, border = (_positive(given[f"{end}_ms"], end, zero=True) for end in ("start", "border"))
    return Rates(np.array(layers), start, border)


def _positive(value: Any, name: str, *, zero: bool = False) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise PredictorError(f"{name} must be a number above 0, got {value!r}")
    return float(value)
