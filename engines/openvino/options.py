"""How OpenVINO engines are built beyond what every backend is told; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineBuildError
from ..options import Option, choice, flag

HALVES = ("fp16", "bf16")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVinoOptions:
    """State how OpenVINO engines are built.

    Attributes:
        pin_threads: Whether each thread stays on one processor. Off as in the other engines: the
            pinned threads of two processes would share processors while others are idle.
        half: What precision ``fp16`` computes in: half where the CPU has it, else float32; or
            bfloat16, with the range of float32 and two to three digits, where the CPU has that.

    Raises:
        EngineBuildError: A value is not among these.
    """

    pin_threads: bool = False
    half: str = HALVES[0]

    def __post_init__(self) -> None:
        if not isinstance(self.pin_threads, bool):
            raise EngineBuildError(f"pin_threads must be True or False, got {self.pin_threads!r}")
        if self.half not in HALVES:
            raise EngineBuildError(f"half must be one of {', '.join(HALVES)}, got {self.half!r}")


OPTIONS: dict[str, Option] = {
    "pin_threads": flag("Keep each thread on one processor."),
    "half": choice(HALVES, "What precision fp16 computes in."),
}
