"""Runs of both stages of SM-NAS that take no time: accuracy is a formula, and so is latency."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search import (
    CallableEvaluator,
    Objective,
    SearchResult,
    counted_objective,
    run_search,
)
from search.objectives.latency import LATENCY
from searchspaces import Architecture, SearchSpace, make_space

STRUCTURES = {"num_classes": 3, "input_hw": (64, 64)}


def latency_of(space: SearchSpace) -> Objective:
    """A latency that grows with the multiply-adds: 1 ms per 100 M."""
    macs = counted_objective("macs", space)
    return Objective(LATENCY, "min", "ms", known=lambda arch: macs.value(arch) / 1e8)


def accuracy_of(space: SearchSpace) -> CallableEvaluator:
    """An accuracy that grows with the multiply-adds, and a little with everything else."""
    macs = counted_objective("macs", space)

    def ap(arch: Architecture) -> dict[str, float]:
        noise = int(arch.digest[:4], 16) / 0xFFFF
        return {"ap": 10 * float(np.log10(macs.value(arch))) + noise}

    return CallableEvaluator(ap)


def stage_one_run(folder: Path, evals: int = 40, **more: Any) -> SearchResult:
    """Search structures for 64x64 images of 3 classes."""
    space = make_space("smnas-structural", **STRUCTURES)
    goals = (latency_of(space), Objective("ap", "max", "AP"))
    return run_search(
        space,
        "smnas-ea",
        accuracy_of(space),
        goals,
        evals=evals,
        out_dir=folder,
        space_options=STRUCTURES,
        **more,
    )


def stage_two_run(
    folder: Path, options: Mapping[str, Any], evals: int = 12, **more: Any
) -> SearchResult:
    """Search the blocks of one structure, multiply-adds against accuracy."""
    space = make_space("smnas-modular", **options)
    goals = (counted_objective("macs", space), Objective("ap", "max", "AP"))
    return run_search(
        space,
        "smnas-ea",
        accuracy_of(space),
        goals,
        evals=evals,
        out_dir=folder,
        space_options=options,
        **more,
    )
