import math

import numpy as np
import pytest

from latency.workloads.sentinel import MAX_DRIFT, Reading, is_plausible, sentinel_workload
from searchspaces import cost_of


def test_the_sentinel_is_a_fixed_graph_of_some_milliseconds():
    workload = sentinel_workload("fp32")
    assert workload.key == sentinel_workload("fp32").key
    assert workload.key != sentinel_workload("fp16").key
    macs = sum(cost_of(node.spec).macs for node in workload.graph.nodes)
    assert 8e8 < macs < 1e9


@pytest.mark.parametrize(
    ("samples", "drift", "refused"),
    [
        ([2.0] * 12, 0.0, False),
        ([2.0] * 4 + [2.02] * 4 + [2.025] * 4, 0.0125, False),
        ([2.0] * 4 + [2.02] * 4 + [2.04] * 4, 0.02, True),
        ([2.0] * 4 + [1.98] * 4 + [1.96] * 4, -0.02, True),
        ([2.0, 9.0] * 6, 0.0, False),
        ([2.0, 3.0], 0.0, False),  # too few to tell
    ],
)
def test_a_move_refuses_the_visit(samples, drift, refused):
    reading = Reading.of(samples)
    assert reading.drift == pytest.approx(drift, abs=1e-9)
    assert (reading.refusal() is not None) == refused
    if refused:
        assert f"the sentinel moved by {drift:+.1%}" in reading.refusal()


def test_scatter_is_no_drift():
    rng = np.random.default_rng(0)
    wild = [Reading.of(rng.lognormal(0.0, 0.05, 12)) for _ in range(300)]
    assert np.mean([abs(reading.drift) > MAX_DRIFT for reading in wild]) > 0.4
    assert np.mean([reading.refusal() is not None for reading in wild]) < 0.15
    calm = [Reading.of(rng.lognormal(0.0, 0.005, 12)) for _ in range(300)]
    assert not any(reading.refusal() for reading in calm)
    assert math.isinf(Reading.of([1.0]).error)


@pytest.mark.parametrize(
    ("ms", "plausible"), [(3.9, False), (5.0, True), (15.0, True), (60, False)]
)
def test_a_sentinel_that_was_disturbed_itself_refuses_the_visit(ms, plausible):
    assert is_plausible(ms, 8.0) == plausible
    refusal = Reading.of([ms] * 12).refusal(8.0)
    assert (refusal is None) == plausible
    assert plausible or "does not tell the machine's speed" in refusal
    assert Reading.of([ms] * 12).refusal() is None  # nothing is usual yet
