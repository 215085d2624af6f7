"""Profiles that choose what they measure, of a device whose costs are made up."""

from __future__ import annotations

from engines import FakeBackend
from latency import LatencyTable, ProfileConfig, profile
from searchspaces import make_space
from tests.latency.joint.made_up import START_MS, Device
from tests.latency.oracle import OPTIONS, QUICK

SPACE = make_space("detnas-nano", **OPTIONS)


def made_up(factor: float = 1.0) -> FakeBackend:
    """Return an engine on a device that is so many times slower."""
    device = Device()

    def latency_ms(model) -> float:
        counts = model.graph.counts().items()
        return factor * sum(device.cost_ms(spec) * n for spec, n in counts) + START_MS

    return FakeBackend(latency_ms=latency_ms, device_name=f"made up x{factor}")


def config_of(**changes) -> ProfileConfig:
    base = {"protocol": QUICK, "replicates": 1, "detectors": 8, "active": True, "input_sets": 0}
    return ProfileConfig(**base | changes)


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
