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
            of chains that tells what every module costs; for profiles that are not active.
        isolated: Whether every module is also timed alone (for comparison; closure needs none).
        replicates: Independent repetitions, each with a newly built engine and in another order.
        minutes: Stop after this long with the best table so far; ``None`` measures everything.
        active: Measure next what teaches most about the space's detectors per second, instead of
            in a fixed order; ``None``: where ``minutes`` or ``near_ms`` are given.
        near_ms: Detectors that take about so long are to be predicted best; for active profiles.
        seed: Chooses detectors, weights, inputs and the order of later replicates.
        exploratory: Go on on a machine that is not quiet; every row says so, none is repeated.
        input_sets: Recorded inputs that modules whose time depends on their data are timed on in
            turns, of ``batch`` images each; 0 gives them noise.
        images: Folder of photographs to record from; generated scenes if None.
        weights: Trained weights of one detector to record with; see :func:`latency.record`.
        like: Table whose workloads and replicates are measured again, on the inputs that were
            recorded for it; see :func:`latency.profile_like`.

    Raises:
        ProfileError: A number is out of range, nothing would be measured, or something was asked
            for that would change nothing.
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
    near_ms: float | None = None
    seed: int = 0
    exploratory: bool = False
    input_sets: int = SETS
    images: Path | None = None
    weights: Path | None = None
    like: Path | None = None

    def __post_init__(self) -> None:
        least_of = {"batch": 1, "detectors": 0, "replicates": 1, "input_sets": 0}
        for name, least in least_of.items():
            if getattr(self, name) < least:
                raise ProfileError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.minutes is not None and not self.minutes > 0:
            raise ProfileError(f"minutes must be above 0, got {self.minutes}")
        if self.near_ms is not None and not self.near_ms > 0:
            raise ProfileError(f"near_ms must be above 0, got {self.near_ms}")
        if not self.modules and not self.detectors:
            raise ProfileError("nothing to measure: neither modules nor detectors are asked for")
        if self.protocol.cache == CHAINED:
            raise ProfileError("cache must be warm or cold; chains are chained anyway")
        if self.protocol.cache == COLD and not self.isolated:
            raise ProfileError("cache cold is for modules timed alone; ask for them by --isolated")
        if self.like is not None and self.is_active:
            raise ProfileError("what another table holds is measured in its order: active=False")
        _refuse_unheeded(self)

    @property
    def is_active(self) -> bool:
        """Return whether measurements are chosen one after another."""
        if self.active is None:
            return self.modules and (self.minutes is not None or self.near_ms is not None)
        return self.active and self.modules


def _refuse_unheeded(config: ProfileConfig) -> None:
    """Refuse what was asked for and would change nothing.

    Raises:
        ProfileError: There is such a wish; says what to do.
    """
    chosen, recorded = config.is_active, config.images is not None or config.weights is not None
    for unheeded, message in (
        (
            config.active and not config.modules,
            "--active chooses among chains of modules, and --no-modules leaves none; give one",
        ),
        (
            config.near_ms is not None and not chosen,
            "--near is what an active profile aims at; leave --no-modules and --in-order out, or "
            "--near",
        ),
        (
            config.isolated and not config.modules,
            "--isolated times the modules that --no-modules leaves out; give one",
        ),
        (
            config.isolated and chosen,
            "modules alone are timed in order; add --in-order, or leave --isolated out",
        ),
        (
            config.all_chains and not config.modules,
            "--all-chains measures the chains that --no-modules leaves out; give one",
        ),
        (
            config.all_chains and chosen,
            "an active profile chooses from all chains anyway; add --in-order, or leave "
            "--all-chains out",
        ),
        (
            recorded and not config.input_sets,
            "--images and --weights are what inputs are recorded with, and --input-sets 0 records "
            "none; leave it out, or them",
        ),
    ):
        if unheeded:
            raise ProfileError(message)
