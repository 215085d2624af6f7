"""Tables whose samples behave like measured ones: they follow each other, drift and jump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.signal import lfilter

from engines import Measurement, TimingProtocol, cpu_device
from latency import MODULE, LatencyTable, Manifest, Row, Workload
from searchspaces import ModuleSpec, TensorSpec, chain

PROTOCOL = TimingProtocol()


def conv_specs(count: int) -> tuple[ModuleSpec, ...]:
    """Modules of three kinds in turn, each of another size."""
    specs = []
    for index in range(count):
        side = 8 + index
        x = TensorSpec((1, 8, side, side))
        common = {"in_channels": 8, "out_channels": 8, "stride": 1, "dilation": 1}
        kind = ("conv", "basic_block", "inverted_residual")[index % 3]
        extra: dict[str, object] = {"norm": "bn"}
        if kind == "conv":
            extra = {"kernel": 3, "groups": 1, "fused_add": 0}
        elif kind == "inverted_residual":
            extra["hidden_channels"] = 16
        specs.append(ModuleSpec.of(kind, [x], **common, **extra))  # type: ignore[arg-type]
    return tuple(specs)


def samples(
    rng: np.random.Generator, middle_ms: float, count: int, sd: float = 0.015
) -> tuple[float, ...]:
    """Autocorrelated log-normal samples with a drift and a few disturbed ones."""
    noise = lfilter([np.sqrt(1 - 0.6**2)], [1, -0.6], sd * rng.standard_normal(count))
    drift = rng.normal(0, 0.005) * np.linspace(-1, 1, count)
    jumps = 0.3 * rng.random(count) * (rng.random(count) < 0.03)
    return tuple(float(ms) for ms in middle_ms * np.exp(noise + drift + jumps))


def noisy_table(
    rng: np.random.Generator,
    specs: Sequence[ModuleSpec],
    *,
    replicates: int = 3,
    count: int = 60,
    factors: Mapping[str, float] | None = None,
    build_sd: float = 0.005,
    pass_sd: float = 0.003,
    session_sd: float = 0.002,
) -> LatencyTable:
    """A table of modules alone; ``factors`` makes kinds slower."""
    device = cpu_device("fake", "1")
    session = rng.normal(0, session_sd)
    rows = []
    for replicate in range(replicates):
        common = session + rng.normal(0, pass_sd)
        for index, spec in enumerate(specs):
            middle = (0.1 + 0.05 * index) * (factors or {}).get(spec.kind, 1.0)
            middle *= np.exp(common + rng.normal(0, build_sd))
            measurement = Measurement(
                raw_ms=samples(rng, middle, count),
                warmup_ms=(),
                block_runs=1,
                protocol=PROTOCOL,
                device=device,
                converged=True,
                steady=True,
                started_at="2026-01-01T00:00:00+00:00",
            )
            rows.append(Row(Workload(MODULE, spec.key, chain([spec])), replicate, measurement))
    manifest = Manifest(device, PROTOCOL, 1, {"name": "noise"}, {"torch": "2"}, 0)
    return LatencyTable(manifest, tuple(rows))
