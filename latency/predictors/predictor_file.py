"""Predictors on disk: one versioned JSON file, no pickle; trees are NumPy arrays inside it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from searchspaces import ModuleSpec

from ..errors import LatencyError, PredictorError
from ..estimator import estimator_from_fields, estimator_to_fields
from ..files import replace_file
from ..joint import joint_from_fields, joint_to_fields
from ..simulated import is_simulated
from ..tables.manifest import Manifest
from .closure import JOINT, MODELS, Closure
from .predictor import ModuleCost, Predictor

SCHEMA = "detfit.predictor/4"
READABLE = ("detfit.predictor/1", "detfit.predictor/2", SCHEMA)
"""The first held no estimator, the second no joint costs. The third is refused: in its model crops
of boxes were no place of their own, and what it holds would now predict otherwise."""

TABLE_SUFFIX = ".jsonl"
_HEAD_BYTES = 200  # the schema comes first


def save_predictor(path: Path | str, predictor: Predictor) -> None:
    """Write a predictor at once (atomically), in place of an earlier one if there is one.

    Raises:
        LatencyError: There is something else at the path: it is kept.
    """
    path = Path(path)
    check_predictor_path(path)
    estimator = predictor.estimator
    fields = {
        "schema": SCHEMA,
        "manifest": predictor.manifest.to_dict(),
        "closure": asdict(predictor.closure),
        "calibrated_on": list(predictor.calibrated_on),
        "estimator": None if estimator is None else estimator_to_fields(estimator),
        "reference_ms": predictor.reference_ms,
        "joint": None if predictor.joint is None else joint_to_fields(predictor.joint),
        "costs": {s.key: [c.ms, c.stderr_ms] for s, c in predictor.costs.items()},
    }
    replace_file(path, [json.dumps(fields, indent=1, allow_nan=False).encode() + b"\n"])


def check_predictor_path(path: Path) -> None:
    """Check that a predictor may be written to a path.

    Raises:
        LatencyError: It is named as tables are, or holds something else, which would be lost.
    """
    if path.suffix == TABLE_SUFFIX:
        raise LatencyError(f"{path}: {TABLE_SUFFIX} is for tables; name the predictor P.json, say")
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    if start and b'"detfit.predictor/' not in start:
        raise LatencyError(f"{path} exists and is no predictor; write to another file by -o")


def load_predictor(path: Path | str) -> Predictor:
    """Read a predictor.

    Raises:
        PredictorError: The file is missing, of an unknown schema or damaged; or a simulated device
            is named, which nothing was measured on.
    """
    if is_simulated(str(path)):
        raise PredictorError(
            f"{path} is no measured device: its times come from data sheets, so that nothing can "
            "be verified or certified by them; give a predictor made by `detfit fit`"
        )
    path = Path(path)
    try:
        fields = json.loads(path.read_text())
    except FileNotFoundError:
        raise PredictorError(f"there is no predictor {path}; make one with `detfit fit`") from None
    except (OSError, ValueError, RecursionError) as error:
        is_table = path.suffix == TABLE_SUFFIX
        hint = f"; fit it first: detfit fit {path} -o P.json" if is_table else ""
        raise PredictorError(f"{path} is no predictor file: {error}{hint}") from error
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if schema not in READABLE:
        raise PredictorError(
            f"{path}: schema {schema!r} is not one of {', '.join(map(repr, READABLE))}, which are "
            "known here; fit its table again: detfit fit TABLE.jsonl -o P.json"
        )
    try:
        return _from_fields(fields)
    except KeyError as error:
        raise PredictorError(f"{path}: the field {error.args[0]!r} is missing") from error
    except (LatencyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PredictorError(
            f"{path} is damaged: {error}; make it anew with `detfit fit`"
        ) from error


def _from_fields(fields: dict[str, Any]) -> Predictor:
    costs = {
        ModuleSpec.parse(key): ModuleCost(_number(ms, key), _number(stderr, key))
        for key, (ms, stderr) in fields["costs"].items()
    }
    manifest = Manifest.from_dict(fields["manifest"])
    estimator = None if fields["schema"] == READABLE[0] else fields["estimator"]
    current = fields["schema"] == SCHEMA
    joint, reference = (fields[k] if current else None for k in ("joint", "reference_ms"))
    return Predictor(
        manifest,
        costs,
        _closure(fields["closure"]),
        tuple(map(str, fields["calibrated_on"])),
        None if estimator is None else estimator_from_fields(estimator),
        None if joint is None else joint_from_fields(joint),
        None if reference is None else _number(reference, "reference_ms"),
    )


def _closure(fields: dict[str, Any]) -> Closure:
    known = (*MODELS, JOINT)
    if fields["model"] not in known:
        raise PredictorError(f"closure {fields['model']!r} is not one of {', '.join(known)}")
    residuals = sorted(_number(value, "residuals") for value in fields["residuals"])
    if not residuals:
        raise PredictorError("closure has no residuals; fit the table again")
    return Closure(
        fields["model"],
        _number(fields["scale"], "scale"),
        _number(fields["offset_ms"], "offset_ms"),
        tuple(residuals),
        int(_number(fields["detectors"], "detectors")),
    )


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PredictorError(f"{name} must be a finite number, got {value!r}")
    return float(value)
