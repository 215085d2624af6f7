from __future__ import annotations

import pytest

from latency import plan_context
from searchspaces import distinct_modules, make_space
from tests.latency.oracle import OVERHEAD_MS, true_cost_ms, true_latency_ms


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
@pytest.mark.parametrize("name", ["detnas-nano", "detnas-small"])
def test_recipes_give_every_module_and_detectors_add_up(name, head):
    """On an additive device the differences of chains are exact."""
    space = make_space(name, head=head, input_hw=(64, 96), num_classes=3)
    specs, covering = distinct_modules(space)
    graphs = [space.detector(arch).graph() for arch in covering]
    plan = plan_context(graphs)
    times = {w.key: true_latency_ms(w.graph) for w in plan.workloads}
    costs = {r.spec: sum(weight * times[key] for weight, key in r.terms) for r in plan.recipes}
    assert set(costs) == set(specs)
    for spec, cost in costs.items():
        surplus = cost - true_cost_ms(spec)
        # Only modules without anything before them keep the engine's own overhead.
        first = spec.kind in ("stem_conv", "fpn")
        assert surplus == pytest.approx(OVERHEAD_MS if first else 0.0, abs=1e-9), spec.key
    for graph in graphs:
        total = sum(costs[spec] * n for spec, n in graph.counts().items())
        assert total == pytest.approx(true_latency_ms(graph) + OVERHEAD_MS)


def test_plan_times_each_chain_once():
    space = make_space("detnas-nano", input_hw=(64, 64))
    graphs = [space.detector(arch).graph() for arch in distinct_modules(space)[1]]
    plan = plan_context(graphs * 2)
    keys = [w.key for w in plan.workloads]
    assert len(keys) == len(set(keys))
    used = {key for recipe in plan.recipes for _, key in recipe.terms}
    assert used <= set(keys)


def test_recipe_round_trip():
    space = make_space("detnas-nano", input_hw=(64, 64))
    recipes = plan_context([space.detector(space.decode("0" * 10)).graph()]).recipes
    assert all(type(r).from_dict(r.to_dict()) == r for r in recipes)
