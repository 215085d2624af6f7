"""Predictors on disk: one versioned JSON file, no pickle."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from searchspaces import ModuleSpec

from .closure import MODELS, Closure
from .errors import LatencyError, PredictorError
from .predictor import ModuleCost, Predictor
from .table import Manifest

SCHEMA = "detfit.predictor/1"


def save_predictor(path: Path | str, predictor: Predictor) -> None:
    """Write a predictor at once (atomically)."""
    fields = {
        "schema": SCHEMA,
        "manifest": predictor.manifest.to_dict(),
        "closure": asdict(predictor.closure),
        "costs": {s.key: [c.ms, c.stderr_ms] for s, c in predictor.costs.items()},
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(fields, indent=1, allow_nan=False) + "\n")
    os.replace(temporary, path)


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
    except (OSError, ValueError) as error:
        raise PredictorError(f"{path} is no predictor file: {error}") from error
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if schema != SCHEMA:
        raise PredictorError(f"{path}: schema {schema!r} is not {SCHEMA!r}, the one known here")
    try:
        return _from_fields(fields)
    except KeyError as error:
        raise PredictorError(f"{path}: the field {error.args[0]!r} is missing") from error
    except (LatencyError, TypeError, ValueError) as error:
        raise PredictorError(f"{path}: {error}") from error


def _from_fields(fields: dict[str, Any]) -> Predictor:
    closure = fields["closure"]
    if closure["model"] not in MODELS or not closure["residuals"]:
        raise PredictorError(f"closure {closure['model']!r} is not one of {', '.join(MODELS)}")
    return Predictor(
        Manifest.from_dict(fields["manifest"]),
        {
            ModuleSpec.parse(key): ModuleCost(float(ms), float(stderr))
            for key, (ms, stderr) in fields["costs"].items()
        },
        Closure(
            closure["model"],
            float(closure["scale"]),
            float(closure["offset_ms"]),
            tuple(map(float, closure["residuals"])),
        ),
    )
