"""From a table to a predictor of whole detectors.

fitting.py          learn a predictor of a table
predictor.py        sum what modules cost, and close the sum
closure.py          what is left between sums and whole detectors, and intervals from it
delivered.py        what delivered engines take over what was profiled
space_predictor.py  many architectures of one space at once
spaces.py           which space a predictor is asked about, and whether it knows enough of it
predictor_file.py   a predictor on disk
in_context.py       what modules cost inside detectors, as rows of a table
exporting.py        a table in a foreign format, with these costs
opening.py          a predictor by a name: of its file, a table, a simulated device
"""

from __future__ import annotations

from .closure import Closure
from .exporting import export_table
from .fitting import fit
from .opening import open_predictor, open_source
from .predictor import ModuleCost, Predictor
from .predictor_file import check_predictor_path, load_predictor, save_predictor
from .space_predictor import SpacePredictor
from .spaces import choose_space, refuse_unfamiliar

__all__ = [
    "Closure",
    "ModuleCost",
    "Predictor",
    "SpacePredictor",
    "check_predictor_path",
    "choose_space",
    "export_table",
    "fit",
    "load_predictor",
    "open_predictor",
    "open_source",
    "refuse_unfamiliar",
    "save_predictor",
]
