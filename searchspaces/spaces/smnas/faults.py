"""Words for what is wrong with a text of SM-NAS and what would be valid."""

from __future__ import annotations

from ...errors import ArchitectureError


def fault(text: str, start: int, length: int, problem: str) -> ArchitectureError:
    """Make the error that points at characters of a code; ``start`` counts from 0."""
    if length < 1:
        return ArchitectureError(f"{text!r}: at character {start + 1}: {problem}")
    shown = repr(text[start : start + length])
    if length == 1:
        return ArchitectureError(f"{text!r}: character {start + 1}, {shown}: {problem}")
    return ArchitectureError(
        f"{text!r}: characters {start + 1}-{start + length}, {shown}: {problem}"
    )


def either(choices: tuple[object, ...]) -> str:
    """Write ``48, 56, 64 or 72``."""
    *others, last = map(str, choices)
    return f"{', '.join(others)} or {last}" if others else last
