"""The stages of a demo, each a function of what those before it left in the folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from detection import TrainedDetector
from engines import TimingProtocol, get_backend
from latency import (
    CONFIDENCE,
    LatencyTable,
    Predictor,
    ProfileConfig,
    TableMismatchError,
    fit,
    profile,
    sample_distinct,
    save_predictor,
)
from search import SearchResult, SearchSettings, search_detectors, train_finalist
from searchspaces import SearchSpace

from ..delivery.delivery import Delivery, deliver
from ..delivery.exporter import ExportResult
from ..errors import DemoError
from .settings import BUNDLE, PREDICTOR, RUN, TABLE, WEIGHTS, DemoSettings

Progress = Callable[[str, float, float], None]
Result = TypeVar("Result")

BUDGET_SAMPLES = 101  # architectures whose median upper bound becomes the budget


def typical_budget_ms(predictor: Predictor, space: SearchSpace, seed: int) -> float:
    """Return the latency that half of a sample of the space surely keeps."""
    archs = sample_distinct(space, BUDGET_SAMPLES, np.random.default_rng(seed))
    return float(np.median([predictor.upper_ms(space.detector(a), CONFIDENCE) for a in archs]))


class Stages:
    """Run stages one after the other and remember how long each took.

    Args:
        progress: Called as ``progress(message, done, total)``, each message with its stage.

    Attributes:
        seconds: Duration of each stage, by name.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    def run(self, name: str, stage: Callable[[Progress], Result]) -> Result:
        """Run a stage and return what it made."""

        def tell(message: str, done: float, total: float) -> None:
            if self._progress:
                self._progress(f"{name}: {message}", done, total)

        started = time.monotonic()
        result = stage(tell)
        self.seconds[name] = time.monotonic() - started
        return result


def profile_space(
    settings: DemoSettings, space: SearchSpace, folder: Path, progress: Progress
) -> LatencyTable:
    """Measure the space on this machine; go on where an earlier demo stopped.

    Raises:
        DemoError: The folder holds a demo of another machine.
    """
    config = ProfileConfig(
        protocol=TimingProtocol(max_seconds=settings.seconds, warmup_min_ms=50.0),
        detectors=settings.detectors,
        replicates=settings.replicates,
        seed=settings.seed,
        exploratory=True,  # a demo works on any machine; the report tells what was disturbed
    )
    try:
        return profile(
            space,
            get_backend(settings.engine),
            config,
            folder / TABLE,
            space_options=settings.options,
            resume=True,
            progress=progress,
        )
    except TableMismatchError as error:
        raise DemoError(
            f"{folder} holds a demo of another machine or runtime ({error}); choose another -o"
        ) from error


def fit_predictor(table: LatencyTable, folder: Path) -> Predictor:
    """Fit a predictor to the table, and keep it."""
    predictor = fit(table)
    save_predictor(folder / PREDICTOR, predictor)
    return predictor


def search_space(
    settings: DemoSettings,
    predictor: Predictor,
    budget_ms: float,
    folder: Path,
    data: Path,
    progress: Progress,
) -> SearchResult:
    """Search under the budget, by a supernet that is trained first."""
    return search_detectors(
        predictor,
        SearchSettings(
            budget_ms=budget_ms,
            evals=settings.evals,
            strategy_options={"population": 10, "parents": 4},
            recalibration_images=64,
            seed=settings.seed,
        ),
        folder / RUN,
        data_dir=data,
        training=settings.training(settings.supernet_steps, settings.lr),
        resume=True,
        progress=progress,
    )


def train_winner(
    settings: DemoSettings, folder: Path, data: Path, progress: Progress
) -> TrainedDetector:
    """Train the best of the run, from what it inherits of the supernet."""
    return train_finalist(
        str(folder / RUN),
        data,
        settings.training(settings.winner_steps, settings.lr),
        folder / WEIGHTS,
        resume=True,
        progress=progress,
    )


def export_winner(
    settings: DemoSettings, folder: Path, data: Path, table: LatencyTable, progress: Progress
) -> ExportResult:
    """Export the winner as a verified bundle."""
    delivery = Delivery(
        target=str(folder / RUN),
        weights=folder / WEIGHTS,
        engine=settings.engine,
        data_dir=data,
        table=table,
        commands=(f"detfit demo -o {folder}",),
    )
    return deliver(delivery, folder / BUNDLE, overwrite=True, progress=progress)
