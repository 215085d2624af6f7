"""Predictors on disk: one versioned JSON file, no pickle; trees are NumPy arrays inside it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from searchspaces import ModuleSpec

from .closure import MODELS, Closure
from .errors import LatencyError, PredictorError
from .estimator import estimator_from_fields, estimator_to_fields
from .manifest import Manifest
from .predictor import ModuleCost, Predictor
from .table_file import replace_file

SCHEMA = "detfit.predictor/2"
READABLE = ("detfit.predictor/1", SCHEMA)  # the first held no estimator


def save_predictor(path: Path | str, predictor: Predictor) -> None:
    """Write a predictor at once (atomically)."""
    estimator = predictor.estimator
    fields = {
        "schema": SCHEMA,
        "manifest": predictor.manifest.to_dict(),
        "closure": asdict(predictor.closure),
        "calibrated_on": list(predictor.calibrated_on),
        "estimator": None if estimator is None else estimator_to_fields(estimator),
        "costs": {s.key: [c.ms, c.stderr_ms] for s, c in predictor.costs.items()},
    }
    path = Path(path)
    replace_file(path, [json.dumps(fields, indent=1, allow_nan=False).encode() + b"\n"])


def load_predictor(path: Path | str) -> Predictor:
    """Read a predictor.

    Raises:
        PredictorError: The file is missing, of an unknown schema or damaged.
    """
    path = Path(path)
    try:
        fields = json.loads(path.read_text())
    except FileNotFoundError:
        raise PredictorError(f"there is no predictor {path}; make one with `detfit fit`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PredictorError(f"{path} is no predictor file: {error}") from error
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if schema not in READABLE:
        raise PredictorError(
            f"{path}: schema {schema!r} is not one of {', '.join(map(repr, READABLE))}, which are "
            "known here"
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
    return Predictor(
        manifest,
        costs,
        _closure(fields["closure"]),
        tuple(map(str, fields["calibrated_on"])),
        None if estimator is None else estimator_from_fields(estimator),
    )


def _closure(fields: dict[str, Any]) -> Closure:
    if fields["model"] not in MODELS:
        raise PredictorError(f"closure {fields['model']!r} is not one of {', '.join(MODELS)}")
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
