from __future__ import annotations

import pytest

from latency import UnprofiledModuleError, graph_macs, isolated_sum_ms, macs_proportional_ms


def test_baselines_have_closed_forms(run_profile, macs_backend):
    table = run_profile(backend=macs_backend, isolated=True, detectors=6)
    graphs = [workload.graph for workload, _ in table.detectors()]
    measured = [m.median_ms for _, m in table.detectors()]
    assert macs_proportional_ms(table, graphs) == pytest.approx(measured, rel=0.02)
    modules = [sum(graph.counts().values()) for graph in graphs]
    expected = [graph_macs(g) / 1e6 + 0.01 * n for g, n in zip(graphs, modules, strict=True)]
    assert isolated_sum_ms(table, graphs) == pytest.approx(expected)
    bare = run_profile("bare.jsonl", detectors=0)
    with pytest.raises(UnprofiledModuleError, match="any whole detector"):
        macs_proportional_ms(bare, graphs)
    with pytest.raises(UnprofiledModuleError):
        isolated_sum_ms(bare, graphs)
