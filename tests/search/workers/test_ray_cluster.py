"""Evaluations on a Ray cluster of two nodes on this machine."""

import importlib.util
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from search import CallableEvaluator, Constraint, RunError, run_search
from search.conformance import GOALS, quality
from search.spaces.digits import DigitSpace
from search.workers import Job, WorkerChoice, make_workers, parse_workers
from tests.search.workers.evaluators import Deadly, evaluated

HERE = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HERE, reason="ray is not installed: detfit[distributed]")
SPACE = DigitSpace(6, 3)


def test_an_address_is_read() -> None:
    assert parse_workers("ray") == WorkerChoice(cluster="auto")
    assert parse_workers("ray:h:6379", "cuda:1") == WorkerChoice(cluster="h:6379", kind="cuda")
    for text in ("ray:", "rays", "ray 3", "Ray"):
        with pytest.raises(RunError, match=r"a number of processes such as 2, or ray\[:ADDRESS\]"):
            parse_workers(text)
    with pytest.raises(RunError, match="one of cpu, cuda"):
        parse_workers("ray", "tpu")


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    job = Job(CallableEvaluator(quality, "quality"), ("quality",))
    with pytest.raises(RunError, match=r"run: pip install 'detfit\[distributed\]'"):
        make_workers(WorkerChoice(cluster="auto"), job)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        made.add_node(num_cpus=1, resources={"detfit-cpu": 1})
    yield made
    made.shutdown()


@needs_ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_nodes_take_the_same_course_as_two_processes(cluster: Any, tmp_path: Path) -> None:
    def run(name: str, workers: WorkerChoice) -> list[tuple[str, str]]:
        log = tmp_path / name
        result = run_search(
            SPACE,
            "detnas-ea",
            Deadly(log, deaths=1),
            GOALS,
            (Constraint("cost", 8.0),),
            evals=20,
            out_dir=tmp_path / f"{name}-run",
            options={"population": 6, "parents": 3},
            workers=workers,
        )
        assert result.complete
        lost = [e for e in result.history if e.code.endswith("2")]
        assert lost
        assert all(len(e.earlier) == 1 and "died" in e.earlier[0] for e in lost)
        assert len(evaluated(log)) == 20 + len(lost)
        return [(e.code, repr(e.values)) for e in result.history]

    on_ray = run("ray", WorkerChoice(cluster=cluster.address))
    assert on_ray == run("local", WorkerChoice(2))


@needs_ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_without_the_resource_is_refused(cluster: Any) -> None:
    job = Job(CallableEvaluator(quality, "quality"), ("quality",))
    with pytest.raises(RunError, match="offers 'detfit-cuda'; start nodes by: ray start"):
        make_workers(WorkerChoice(cluster=cluster.address, kind="cuda"), job)
    with closing(make_workers(WorkerChoice(cluster=cluster.address), job)) as workers:
        assert workers.count == 2
        assert workers.free == 2
