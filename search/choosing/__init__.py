"""From what a run found to what comes next: levels of its front, stage two, the finalist."""

from __future__ import annotations

from .extracting import extract_finalist
from .finalist import (
    Finalist,
    best_within,
    choose_finalist,
    train_finalist,
)
from .picking import PICKS, Pick, describe_picks, parse_picks, pick_levels
from .two_stages import Origin, stage_two

__all__ = [
    "PICKS",
    "Finalist",
    "Origin",
    "Pick",
    "best_within",
    "choose_finalist",
    "describe_picks",
    "extract_finalist",
    "parse_picks",
    "pick_levels",
    "stage_two",
    "train_finalist",
]
