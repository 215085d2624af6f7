"""The command line: parse, call one function of a room, print. No logic lives here.

Importing it loads no room: every command imports what it calls when it runs.
"""

from __future__ import annotations

from .app import COMMANDS, GROUPS, main, make_app
from .exits import EXIT_BROKEN_PIPE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_MISUSE

__all__ = [
    "COMMANDS",
    "EXIT_BROKEN_PIPE",
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_MISUSE",
    "GROUPS",
    "main",
    "make_app",
]
