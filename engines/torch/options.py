"""How torch engines are built beyond what every backend is told; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineBuildError
from ..options import Option, choice, flag

HALVES = ("fp16", "bf16")
COMPILES = ("off", "default", "max-autotune")
GRAPHS = ("off", "auto", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchOptions:
    """State how torch engines are built; the defaults are torch as it is used most.

    Attributes:
        channels_last: Weights and images lie in memory with the channels last, which tensor
            cores and oneDNN prefer.
        half: The type that autocast computes in at precision ``fp16``: ``fp16``, or ``bf16``,
            which GPUs before compute capability 8.0 lack.
        compile: ``torch.compile`` with its default mode, or with ``max-autotune``, which also
            times kernels. CUDA graphs are asked for by ``graphs`` in either case.
        graphs: Whether a module is captured as a CUDA graph and replayed, which takes away the
            time between the kernels of small modules: ``auto`` launches kernels one by one where
            the module cannot be captured (the engine's ``warnings`` say why), ``required``
            refuses.

    Raises:
        EngineBuildError: A value is not among these.
    """

    channels_last: bool = False
    half: str = HALVES[0]
    compile: str = COMPILES[0]
    graphs: str = GRAPHS[0]

    def __post_init__(self) -> None:
        if not isinstance(self.channels_last, bool):
            raise EngineBuildError(
                f"channels_last must be True or False, got {self.channels_last!r}"
            )
        for name, allowed in (("half", HALVES), ("compile", COMPILES), ("graphs", GRAPHS)):
            value = getattr(self, name)
            if value not in allowed:
                raise EngineBuildError(
                    f"{name} must be one of {', '.join(allowed)}, got {value!r}"
                )


OPTIONS: dict[str, Option] = {
    "channels_last": flag("Lay weights and images out with the channels last."),
    "half": choice(HALVES, "What precision fp16 computes in; bf16 also on the CPU."),
    "compile": choice(COMPILES, "torch.compile; needs a C++ compiler on the CPU."),
    "graphs": choice(GRAPHS, "Replay CUDA graphs, where a module can be captured or always."),
}
