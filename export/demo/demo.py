"""Everything once, on this machine: profile, search, train, export, verify, report.

Each stage writes its files into one folder and goes on with what an earlier demo left there.
"""

from __future__ import annotations

from pathlib import Path

from detection import write_shapes
from engines import get_backend
from searchspaces import make_space

from ..files import write_atomically
from .result import DemoResult
from .settings import DATA, REPORT, DemoSettings, claim_folder
from .stages import (
    Progress,
    Stages,
    export_winner,
    fit_predictor,
    profile_space,
    search_space,
    train_winner,
    typical_budget_ms,
)


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
    stages = Stages(progress)
    data = stages.run(
        "data", lambda tell: write_shapes(folder / DATA, settings.recipe, progress=tell)
    )
    table = stages.run("profile", lambda tell: profile_space(settings, space, folder, tell))
    predictor = stages.run("fit", lambda _: fit_predictor(table, folder))
    budget = typical_budget_ms(predictor, space, settings.seed) if budget_ms is None else budget_ms
    result = stages.run(
        "search", lambda tell: search_space(settings, predictor, budget, folder, data, tell)
    )
    winner = stages.run("train", lambda tell: train_winner(settings, folder, data, tell))
    exported = stages.run(
        "export", lambda tell: export_winner(settings, folder, data, table, tell)
    )
    write_atomically(folder / REPORT, exported.bundle.report_path.read_bytes())
    return DemoResult(folder, budget, table, result, winner, exported, stages.seconds)
