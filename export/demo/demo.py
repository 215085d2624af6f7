"""Everything once, on this machine: profile, search, train, export, verify, report.

Each stage writes its files into one folder and goes on with what an earlier demo left there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from detection import TrainedDetector, write_shapes
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
from searchspaces import SearchSpace, make_space

from ..delivery.delivery import Delivery, deliver
from ..delivery.exporter import ExportResult
from ..errors import DemoError
from ..files import write_atomically
from ..gate.outcome import Outcome
from .settings import DemoSettings, claim_folder

Progress = Callable[[str, float, float], None]
Result = TypeVar("Result")

MAX_AP_DIFFERENCE = 0.5  # points
MIN_AP50 = 50.0  # points on the held-out generated images; below, training went wrong
BUDGET_SAMPLES = 101  # architectures whose median upper bound becomes the budget
DATA, TABLE, PREDICTOR, RUN = "shapes", "table.jsonl", "predictor.json", "run"
WEIGHTS, BUNDLE, REPORT = "winner.safetensors", "bundle", "report.html"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Say how a demo ended.

    Attributes:
        folder: Where everything lies.
        budget_ms: Latency budget of the search.
        table: What was measured.
        search: The run.
        winner: The trained winner.
        export: The bundle with its verdict.
        seconds: Duration of each stage of this call, by name.
    """

    folder: Path
    budget_ms: float
    table: LatencyTable
    search: SearchResult
    winner: TrainedDetector
    export: ExportResult
    seconds: dict[str, float]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what failed or stayed undecided; empty for a demo that passed."""
        found = [
            f"{len(failed)} {what} failed, first: {failed[0].error}"
            for what, failed in (
                ("measurements", self.table.failures),
                ("evaluations", self.search.failures),
            )
            if failed
        ]
        ap50 = 100 * self.winner.accuracy.ap50
        if not ap50 >= MIN_AP50:  # NaN, where there is nothing to find, does not pass
            found.append(f"AP50 {ap50:.1f} is below {MIN_AP50:g}")
        found += _ap_difference(self.export)
        for check in self.export.verdict.checks:
            if check.outcome is not Outcome.PASS:
                found.append(f"{check.outcome}: {check.reason}")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Return whether accuracy, parity, budget and prediction all hold, and nothing failed."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able fields."""
        manifest = self.export.bundle.manifest
        accuracy = manifest.accuracy
        return {
            "passed": self.passed,
            "failed": list(self.reasons),
            "arch": manifest.origin.arch,
            "budget_ms": self.budget_ms,
            "predicted_ms": manifest.predicted.p50_ms if manifest.predicted else None,
            "measured_ms": manifest.measured.median_ms if manifest.measured else None,
            "ap50_torch": accuracy.row("AP50").torch if accuracy else None,
            "ap50_engine": accuracy.row("AP50").engine if accuracy else None,
            "ap_torch": accuracy.row("AP").torch if accuracy else None,
            "ap_engine": accuracy.row("AP").engine if accuracy else None,
            "evaluated": len(self.search.finished),
            "verdict": list(self.export.verdict.reasons),
            "bundle": str(self.export.bundle.path),
            "report": str(self.folder / REPORT),
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }


def _ap_difference(export: ExportResult) -> list[str]:
    """Say if the engine's AP differs from torch's either way; better is as suspicious as worse."""
    accuracy = export.bundle.manifest.accuracy
    row = accuracy.row("AP") if accuracy else None
    if row is None or row.torch is None or row.engine is None:
        return ["AP of torch and of the engine were not compared"]
    difference = abs(row.engine - row.torch)
    if difference <= MAX_AP_DIFFERENCE:
        return []
    return [f"AP of torch and of the engine differ by {difference:.2f} points"]


def run_demo(
    folder: str | Path,
    *,
    settings: DemoSettings | None = None,
    budget_ms: float | None = None,
    progress: Progress | None = None,
) -> DemoResult:
    """Run every stage; see :class:`DemoResult` for what has to hold.

    Args:
        folder: Where data, table, run, weights, bundle and report go.
        settings: Size of the demo.
        budget_ms: Latency budget; by default one that about half of the space keeps.
        progress: Called as ``progress(message, done, total)`` within each stage.

    Raises:
        DemoError: The folder holds something else, or a demo of other settings or another
            machine.
        EngineError: The engine is unknown or not installed; nothing is written.
        InfeasibleBudgetError: Nothing keeps the budget; the profile is kept.
        RunError: The folder holds a search under another budget; and the other rooms' errors.
    """
    settings, folder = settings or DemoSettings(), Path(folder)
    get_backend(settings.engine)
    space = make_space(settings.space, **settings.options)
    claim_folder(folder, settings)
    stages = _Stages(progress)
    data = stages.run(
        "data", lambda tell: write_shapes(folder / DATA, settings.recipe, progress=tell)
    )
    table = stages.run("profile", lambda tell: _profile(settings, space, folder, tell))
    predictor = stages.run("fit", lambda _: _fit(table, folder))
    budget = typical_budget_ms(predictor, space, settings.seed) if budget_ms is None else budget_ms
    result = stages.run(
        "search", lambda tell: _search(settings, predictor, budget, folder, data, tell)
    )
    winner = stages.run("train", lambda tell: _train(settings, folder, data, tell))
    exported = stages.run("export", lambda tell: _export(settings, folder, data, table, tell))
    write_atomically(folder / REPORT, exported.bundle.report_path.read_bytes())
    return DemoResult(folder, budget, table, result, winner, exported, stages.seconds)


def typical_budget_ms(predictor: Predictor, space: SearchSpace, seed: int) -> float:
    """Return the latency that half of a sample of the space surely keeps."""
    archs = sample_distinct(space, BUDGET_SAMPLES, np.random.default_rng(seed))
    return float(np.median([predictor.upper_ms(space.detector(a), CONFIDENCE) for a in archs]))


class _Stages:
    """Run stages one after the other and remember how long each took."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    def run(self, name: str, stage: Callable[[Progress], Result]) -> Result:
        def tell(message: str, done: float, total: float) -> None:
            if self._progress:
                self._progress(f"{name}: {message}", done, total)

        started = time.monotonic()
        result = stage(tell)
        self.seconds[name] = time.monotonic() - started
        return result


def _profile(
    settings: DemoSettings, space: SearchSpace, folder: Path, progress: Progress
) -> LatencyTable:
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


def _fit(table: LatencyTable, folder: Path) -> Predictor:
    predictor = fit(table)
    save_predictor(folder / PREDICTOR, predictor)
    return predictor


def _search(
    settings: DemoSettings,
    predictor: Predictor,
    budget_ms: float,
    folder: Path,
    data: Path,
    progress: Progress,
) -> SearchResult:
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


def _train(
    settings: DemoSettings, folder: Path, data: Path, progress: Progress
) -> TrainedDetector:
    return train_finalist(
        str(folder / RUN),
        data,
        settings.training(settings.winner_steps, settings.lr),
        folder / WEIGHTS,
        resume=True,
        progress=progress,
    )


def _export(
    settings: DemoSettings, folder: Path, data: Path, table: LatencyTable, progress: Progress
) -> ExportResult:
    delivery = Delivery(
        target=str(folder / RUN),
        weights=folder / WEIGHTS,
        engine=settings.engine,
        data_dir=data,
        table=table,
        commands=(f"detfit demo -o {folder}",),
    )
    return deliver(delivery, folder / BUNDLE, overwrite=True, progress=progress)
