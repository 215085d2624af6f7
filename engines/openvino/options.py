"""How OpenVINO engines are built beyond what every backend is told; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineBuildError
from ..options import Option, flag


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVinoOptions:
    """State how OpenVINO engines are built.

    Attributes:
        pin_threads: Whether each thread stays on one processor. Off as in the other engines: the
            pinned threads of two processes would share processors while others are idle.

    Raises:
        EngineBuildError: A value is not among these.
    """

    pin_threads: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.pin_threads, bool):
            raise EngineBuildError(f"pin_threads must be True or False, got {self.pin_threads!r}")


OPTIONS: dict[str, Option] = {"pin_threads": flag("Keep each thread on one processor.")}
