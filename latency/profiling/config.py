"""What a profile is asked to measure, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engines import CHAINED, COLD, TimingProtocol

from ..errors import ProfileError
from ..recording.origin import SETS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileConfig:
    """Say what to measure and how long.

    Attributes:
        protocol: How each engine is timed; carries threads and precision, and the cache mode of
            modules alone: ``warm`` or ``cold``.
        device: ``cpu`` or ``cuda:0``.
        batch: Images per run.
        detectors: Whole detectors, drawn at random, that closure and intervals are fitted on.
        modules: Whether chains are measured; off gives a table of whole detectors, such as a
            held-out set.
        all_chains: Measure every chain that a difference of two could use, not the cheapest set
            of chains that tells what every module costs. An active profile chooses from all.
        isolated: Whether every module is also timed alone (for comparison; closure needs none).
        replicates: Independent repetitions, each with a newly built engine and in another order.
        minutes: Stop after this long with the best table so far; ``None`` measures everything.
        active: Measure next what teaches most about the space's detectors per second, instead of
            in a fixed order; ``None``: where minutes are given.
        budget_ms: Detectors near it are to be predicted best, if ``active``.
        seed: Chooses detectors, weights, inputs and the order of later replicates.
        exploratory: Go on on a machine that is not quiet; every row says so, none is repeated.
        input_sets: Recorded inputs that modules whose time depends on their data are timed on in
            turns, of ``batch`` images each; 0 gives them noise.
        images: Folder of photographs to record from; generated scenes if None.
        weights: Trained weights of one detector to record with; see :func:`latency.record`.
    """

    protocol: TimingProtocol = field(default_factory=TimingProtocol)
    device: str = "cpu"
    batch: int = 1
    detectors: int = 16
    modules: bool = True
    all_chains: bool = False
    isolated: bool = False
    replicates: int = 3
    minutes: float | None = None
    active: bool | None = None
    budget_ms: float | None = None
    seed: int = 0
    exploratory: bool = False
    input_sets: int = SETS
    images: Path | None = None
    weights: Path | None = None

    def __post_init__(self) -> None:
        least_of = {"batch": 1, "detectors": 0, "replicates": 1, "input_sets": 0}
        for name, least in least_of.items():
            if getattr(self, name) < least:
                raise ProfileError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.minutes is not None and not self.minutes > 0:
            raise ProfileError(f"minutes must be above 0, got {self.minutes}")
        if self.budget_ms is not None and not self.budget_ms > 0:
            raise ProfileError(f"budget_ms must be above 0, got {self.budget_ms}")
        if not self.modules and not self.detectors:
            raise ProfileError("nothing to measure: neither modules nor detectors are asked for")
        if self.protocol.cache == CHAINED:
            raise ProfileError("cache must be warm or cold; chains are chained anyway")
        if self.protocol.cache == COLD and not self.isolated:
            raise ProfileError("cache cold is for modules timed alone; ask for them by --isolated")

    @property
    def is_active(self) -> bool:
        """Return whether measurements are chosen one after another."""
        active = self.minutes is not None if self.active is None else self.active
        return active and self.modules
