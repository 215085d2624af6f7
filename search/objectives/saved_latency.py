"""What a run's folder keeps of where its latencies came from, read back."""

from __future__ import annotations

import json
from pathlib import Path

from latency import SimulatedPredictor, load_predictor

from ..errors import JournalError
from .latency import LATENCY, AnyPredictor, latency_path


def saved_latency(folder: Path | str, objective: str = LATENCY) -> AnyPredictor | None:
    """Return the predictor behind a latency of a run.

    Args:
        folder: Of the run.
        objective: Name of the latency, ``latency_ms`` or ``latency_ms@DEVICE``.

    Returns:
        ``None`` where the run keeps none of that name: its latencies came from a function, or the
        objective is no latency.

    Raises:
        PredictorError: The file of a measured device is damaged.
        JournalError: The file of a simulated one is.
    """
    name, _, device = objective.partition("@")
    if name != LATENCY:
        return None
    measured, simulated = (
        latency_path(Path(folder), device or None, simulated=which) for which in (False, True)
    )
    if measured.is_file():
        return load_predictor(measured)
    return _simulated(simulated) if simulated.is_file() else None


def _simulated(path: Path) -> SimulatedPredictor:
    from pydantic import TypeAdapter, ValidationError

    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        fields.pop("simulated")
        return TypeAdapter(SimulatedPredictor).validate_json(json.dumps(fields))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise JournalError(f"{path} holds no simulated device: {where}: {first['msg']}") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise JournalError(f"{path} holds no simulated device: {error}") from error
