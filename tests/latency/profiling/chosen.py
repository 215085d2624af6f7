"""Profiles that choose what they measure, of a device whose costs are made up."""

from __future__ import annotations

from dataclasses import replace

from engines import FakeBackend
from latency import LatencyTable, ProfileConfig, profile
from searchspaces import make_space
from tests.latency.joint.made_up import START_MS, Device
from tests.latency.oracle import OPTIONS, QUICK

SPACE = make_space("detnas-nano", **OPTIONS)


def made_up(factor: float = 1.0) -> FakeBackend:
    """Return an engine on a device that is so many times slower, in every precision alike."""
    device = Device()

    def latency_ms(model) -> float:
        counts = model.graph.counts().items()
        costs = [(device.cost_ms(replace(spec, dtype="fp32")), n) for spec, n in counts]
        return factor * sum(ms * n for ms, n in costs) + START_MS

    return FakeBackend(latency_ms=latency_ms, device_name=f"made up x{factor}")


def config_of(**changes) -> ProfileConfig:
    active = changes.get("modules", True)  # there is nothing to choose from without chains
    base = {"protocol": QUICK, "replicates": 1, "detectors": 8, "input_sets": 0}
    return ProfileConfig(**{**base, "active": active} | changes)


def profiled(path, agenda=None, backend=None, resume=False, **changes) -> LatencyTable:
    return profile(
        SPACE,
        backend or made_up(),
        config_of(**changes),
        path,
        space_options=OPTIONS,
        agenda=agenda,
        resume=resume,
    )
