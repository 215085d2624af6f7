"""What a search takes latencies from: a predictor of a measured device, or a simulated one."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from latency import (
    Predictor,
    SimulatedPredictor,
    choose_space,
    describe_simulation,
    is_simulated,
    load_predictor,
    make_simulated,
    save_predictor,
)
from searchspaces import Architecture, SearchSpace, TokenTable, make_space, write_atomically

from ..errors import RunError
from .objective import Objective

LATENCY = "latency_ms"
PREDICTOR_FILE, SIMULATION_FILE = "predictor.json", "simulated.json"
ROUNDING = 1e-9
_CACHED = 200_000  # architectures whose prediction is kept

AnyPredictor = Predictor | SimulatedPredictor


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceChoice:
    """Say which space is searched.

    Attributes:
        name: Of the space; ``None`` takes the one that the predictor was fitted on.
        options: What it is made with, as far as the caller says; the rest is as it was profiled.
        origin: What the space was chosen by, for the record: a run and its pick.
    """

    name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


def load_latency(name: str | Path, precision: str | None = None) -> AnyPredictor:
    """Return a fitted predictor by its file, or a simulated one by ``simulated:DEVICE[:ENGINE]``.

    Args:
        name: File, or device.
        precision: Of a simulated device, fp32 unless given.

    Raises:
        PredictorError: The file is missing or damaged; device, engine or precision are unknown.
        RunError: A precision is given for a fitted predictor, which has that of its profile.
    """
    if is_simulated(str(name)):
        return make_simulated(str(name), precision or "fp32")
    predictor = load_predictor(name)
    fitted = predictor.manifest.protocol.precision
    if precision not in (None, fitted):
        raise RunError(f"{name} was profiled in {fitted}, not in {precision}; leave it out")
    return predictor


def predicted_space(
    predictor: AnyPredictor | None, choice: SpaceChoice | None = None
) -> tuple[SearchSpace, dict[str, Any]]:
    """Return the space that is searched, and what it is made with.

    Raises:
        LatencyError: A fitted predictor does not know the space's modules, or knows several
            spaces and none is named.
        RunError: None is named, and there is no predictor or that of a simulated device, which
            knows no space.
        SearchSpaceError: The space is unknown, or does not take an option.
    """
    choice = choice or SpaceChoice()
    if isinstance(predictor, Predictor):
        return choose_space(predictor, choice.name, choice.options)
    if choice.name is None:
        if predictor is None:
            raise RunError("without a predictor (-t) the space has to be named by --space")
        raise RunError("a simulated device was not profiled on any space; name one by --space")
    options = dict(choice.options)
    return make_space(choice.name, **options), options


def latency_objective(
    predictor: AnyPredictor, space: SearchSpace, device: str | None = None
) -> Objective:
    """Return predicted milliseconds as a known objective.

    Args:
        predictor: Predicts them.
        space: Names the detectors.
        device: Label of the device where a search has several; part of the objective's name.
    """
    table = TokenTable(
        space,
        lambda nodes: predictor.modules_ms([node.spec for node in nodes])[:, None],
        1,
        np.float64,
        batch=_batch(predictor),
        precision=_precision(predictor),
    )

    @lru_cache(maxsize=_CACHED)
    def median_ms(arch: Architecture) -> float:
        return float(predictor.predict_ms([space.detector(arch)])[0])

    @lru_cache(maxsize=_CACHED)
    def upper_ms(arch: Architecture, confidence: float) -> float:
        return predictor.upper_ms(space.detector(arch), confidence)

    def medians_ms(archs: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        sums = table.sums(archs)[:, 0]
        return predictor.closure.apply(sums) if isinstance(predictor, Predictor) else sums

    return Objective(latency_name(device), "min", "ms", median_ms, upper_ms, medians_ms)


def latency_name(device: str | None = None) -> str:
    """Return the name of the latency objective of a device; of the only, or first, one without."""
    return LATENCY if device is None else f"{LATENCY}@{device}"


def _batch(predictor: AnyPredictor) -> int:
    return predictor.manifest.batch if isinstance(predictor, Predictor) else predictor.batch


def _precision(predictor: AnyPredictor) -> str:
    if isinstance(predictor, Predictor):
        return predictor.manifest.protocol.precision
    return predictor.precision


def check_confidence(predictor: AnyPredictor, confidence: float) -> None:
    """Refuse a confidence that the predictor's calibration detectors cannot support.

    A simulated device's intervals are judged, not calibrated: any confidence gives one.

    Raises:
        RunError: It is not supported; says how to get there.
    """
    if isinstance(predictor, SimulatedPredictor):
        return
    most = predictor.closure.max_confidence
    if confidence <= most:
        return
    needed = math.ceil(confidence / (1 - confidence) - ROUNDING)
    raise RunError(
        f"the predictor was calibrated on {predictor.closure.detectors} detectors, which "
        f"support a confidence of {most:.2f}, not {confidence}; profile with "
        f"--detectors {needed} or more, or give --confidence {math.floor(100 * most) / 100}"
    )


def identity_of(predictor: AnyPredictor) -> dict[str, Any]:
    """Return what of a predictor decides a search; a simulated device says that it is one."""
    if isinstance(predictor, SimulatedPredictor):
        return {
            "predictor_sha256": _sha256(predictor.to_dict()),
            "device": predictor.device.name,
            "simulated": describe_simulation(predictor),
        }
    costs = sorted((spec.key, cost.ms) for spec, cost in predictor.costs.items())
    return {
        "predictor_sha256": _sha256([costs, asdict(predictor.closure)]),
        "device": predictor.manifest.device.identity,
    }


def save_latency(folder: Path, predictor: AnyPredictor, device: str | None = None) -> None:
    """Keep in a run's folder what its latencies came from.

    Args:
        folder: Of the run.
        predictor: To keep.
        device: Label of a further device; part of the file's name.
    """
    path = latency_path(folder, device, simulated=isinstance(predictor, SimulatedPredictor))
    if isinstance(predictor, SimulatedPredictor):
        content = json.dumps(predictor.to_dict(), indent=1) + "\n"
        write_atomically(path, content.encode())
    else:
        save_predictor(path, predictor)


def latency_path(folder: Path, device: str | None, *, simulated: bool) -> Path:
    """Return where a run's folder keeps the predictor of a device."""
    path = folder / (SIMULATION_FILE if simulated else PREDICTOR_FILE)
    return path if device is None else path.with_stem(f"{path.stem}@{device}")


def _sha256(fields: object) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
