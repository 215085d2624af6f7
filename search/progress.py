"""How a call that takes long says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float, float], None]
"""Called as ``progress(message, done, total)``."""
