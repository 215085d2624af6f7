"""Multi-fidelity: candidates are compared by cheap evaluations, the best go on to dearer ones.

fidelity.py    the rungs: shares of a whole evaluation
promotion.py   which of a rung's results go on
kendall.py     rank correlation of weighted observations
rank_check.py  does a rung rank as the next one does
ladder.py      who stands where, and who goes on next
schedule.py    in which order results are told, whatever is faster
"""

from __future__ import annotations

from .fidelity import WHOLE, Fidelity, parse_fidelity
from .ladder import Ladder
from .promotion import BY_AUDIT, BY_RANK, Promotion
from .rank_check import RankCheck
from .schedule import Schedule

__all__ = [
    "BY_AUDIT",
    "BY_RANK",
    "WHOLE",
    "Fidelity",
    "Ladder",
    "Promotion",
    "RankCheck",
    "Schedule",
    "parse_fidelity",
]
