"""How well an evaluator ranks: against real trainings, and the score without training.

agreement.py  how two scores of the same architectures agree in their order
anchors.py    architectures of a run, trained by themselves
proxy.py      how the score without training ranks what was evaluated
"""

from __future__ import annotations

from .agreement import RankAgreement, rank_agreement
from .anchors import ANCHORS_FILE, read_agreement, train_anchors
from .proxy import Agreement, proxy_agreement

__all__ = [
    "ANCHORS_FILE",
    "Agreement",
    "RankAgreement",
    "proxy_agreement",
    "rank_agreement",
    "read_agreement",
    "train_anchors",
]
