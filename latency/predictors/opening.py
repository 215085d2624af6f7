"""Open a predictor by a name: of its file, of a table, of a simulated device."""

from __future__ import annotations

from pathlib import Path

from ..simulated import SimulatedPredictor, is_simulated, make_simulated
from ..tables.table_file import read_table
from .fitting import fit
from .predictor import Predictor
from .predictor_file import TABLE_SUFFIX, load_predictor


def open_predictor(path: Path) -> Predictor:
    """Return a predictor from its file, or fitted on a table (``.jsonl``)."""
    return fit(read_table(path)) if path.suffix == TABLE_SUFFIX else load_predictor(path)


def open_source(name: str, precision: str) -> Predictor | SimulatedPredictor:
    """Return a predictor by the name of its file, of a table, or of a simulated device."""
    return make_simulated(name, precision) if is_simulated(name) else open_predictor(Path(name))
