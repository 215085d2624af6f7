from __future__ import annotations

import numpy as np
import pytest

from searchspaces import make_space
from tests.latency.oracle import OPTIONS, true_latency_ms


def test_additive_device_is_predicted_exactly(predictor, space, rng):
    for _ in range(20):
        detector = space.detector(space.sample(rng))
        latency = predictor.predict(detector)
        true_ms = true_latency_ms(detector.graph())
        assert latency.p50_ms == pytest.approx(true_ms, rel=1e-4)  # some noise is always allowed
        assert latency.lo_ms <= latency.p50_ms <= latency.hi_ms
        assert latency.coverage == 1.0
        total = sum(item.ms for item in latency.breakdown)
        assert latency.p50_ms == pytest.approx(total + latency.unattributed_ms)
        assert {item.part for item in latency.breakdown} == {"backbone", "neck", "head"}


def test_the_ways_to_name_a_detector_agree(predictor, space, rng):
    detector = space.detector(space.sample(rng))
    graph = detector.graph()
    ways = [detector, graph, graph.counts(), detector.modules()]
    assert len({round(predictor.predict(way).p50_ms, 9) for way in ways}) == 1
    assert np.ptp(predictor.predict_ms(ways)) < 1e-9


def test_a_detector_costs_exactly_what_its_wired_graph_does(predictor, space, rng):
    other = make_space("detnas-nano", **OPTIONS | {"input_hw": (96, 64)})  # nothing is measured
    for each in (space, other):
        detectors = [each.detector(each.sample(rng)) for _ in range(5)]
        graphs = [detector.graph() for detector in detectors]
        found = predictor.predict_ms(detectors).tolist()
        assert found == predictor.predict_ms(graphs).tolist()
        assert found == [predictor.predict(graph).p50_ms for graph in graphs]
        breakdowns = zip(
            map(predictor.predict, detectors), map(predictor.predict, graphs), strict=True
        )
        assert all(one == two for one, two in breakdowns)


def test_unknown_modules_are_estimated_and_widen_the_interval(predictor, space):
    other = make_space("detnas-nano", **OPTIONS | {"input_hw": (96, 64)})
    known, foreign = (s.detector(s.decode("0" * 10)) for s in (space, other))
    sure, unsure = predictor.predict(known), predictor.predict(foreign)
    assert (sure.coverage, unsure.coverage) == (1.0, 0.0)
    assert unsure.p50_ms > 0
    width = [(each.hi_ms - each.lo_ms) / each.p50_ms for each in (sure, unsure)]
    assert width[1] > 10 * width[0]
    assert not all(item.familiar for item in unsure.breakdown)


def test_upper_bound_is_above_the_median(predictor, space, rng):
    detector = space.detector(space.sample(rng))
    assert predictor.upper_ms(detector, 0.95) >= predictor.predict(detector).p50_ms
