"""A run: what decides it, its course, its record on disk, and how far it is.

run.py         from a space to a finished run
course.py      replay, then ask, evaluate, record and tell; evaluating.py hands out
config.py      RUN/run.json, what decides the course; resuming.py compares two of them
journal.py     RUN/journal.sqlite, every proposal and result; reading.py reads it
database.py    its tables; lineage.py and rungs.py have those of parents and of rungs
evaluation.py  one architecture of a run and what became of it
result.py      what a run has found
latency.py     under which budget, and whether anything was measured
standing.py    hypervolume, the best so far, the time left
trace.py       RUN/trace.csv, one line per result
watching.py    look at a run while another process makes it
"""

from __future__ import annotations

from .config import RunConfig
from .evaluation import Evaluation
from .latency import run_budget_ms, simulation_of
from .result import SearchResult, load_result
from .run import run_search
from .standing import RunProgress, Standing, run_progress
from .watching import describe_progress, watch_run

__all__ = [
    "Evaluation",
    "RunConfig",
    "RunProgress",
    "SearchResult",
    "Standing",
    "describe_progress",
    "load_result",
    "run_budget_ms",
    "run_progress",
    "run_search",
    "simulation_of",
    "watch_run",
]
