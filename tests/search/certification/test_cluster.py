"""Certification on the node of a Ray cluster that has the device."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latency import load_predictor
from search import (
    CertifySettings,
    Constraint,
    Objective,
    ProxyEvaluator,
    RunError,
    certify_run,
    latency_objective,
    run_search,
    save_latency,
)
from search.certification.cluster import RESOURCE
from searchspaces import make_space
from tests.cli import profiled

HERE = importlib.util.find_spec("ray") is not None
pytestmark = [
    pytest.mark.skipif(not HERE, reason="ray is not installed: detfit[distributed]"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the fake engine, whose device every node of this machine has."""
    folder = tmp_path_factory.mktemp("run")
    predictor = load_predictor(profiled(folder))
    options = {"num_classes": 3}
    space = make_space("detnas-nano", **options)
    run_search(
        space,
        "local",
        ProxyEvaluator(space),
        (latency_objective(predictor, space), Objective("entropy", "max")),
        (Constraint("latency_ms", 60.0),),
        evals=20,
        out_dir=folder / "run",
        space_options=options,
        prepare=lambda: save_latency(folder / "run", predictor),
    )
    return folder / "run"


@pytest.fixture(scope="module")
def cluster(run: Path) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    device = load_predictor(run / "predictor.json").manifest.device
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1, resources={RESOURCE.format(device.fingerprint): 1})
    yield made
    made.shutdown()


def test_a_node_measures_as_this_machine_does(cluster: Any, run: Path) -> None:
    settings = CertifySettings(builds=3, most=2)
    there = certify_run(run, settings=settings, cluster=cluster.address)
    here = certify_run(run, settings=settings)
    assert there.certified
    assert there.device == here.device
    assert [(c.arch, c.measured_ms, c.upper_ms) for c in there.candidates] == [
        (c.arch, c.measured_ms, c.upper_ms) for c in here.candidates
    ]


def test_a_device_that_no_node_has_is_named(
    cluster: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.certification.cluster.RESOURCE", "detfit-other-{}")
    with pytest.raises(RunError, match=r"offers 'detfit-other-\w{16}'; start nodes by: ray start"):
        certify_run(run, cluster=cluster.address)
