"""Profiles whose measurements a node of a Ray cluster takes, and whose tables are here."""

import importlib.util
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli import EXIT_INTERRUPTED
from engines import UnknownEngineError, get_backend
from latency import (
    LatencyTable,
    Predictor,
    ProfileConfig,
    ProfileError,
    Recording,
    TableError,
    fit,
    load_predictor,
    profile,
    read_table,
    record,
    recording_path,
    save_predictor,
    transfer,
    transfer_config,
)
from search import RunError, profile_on_cluster, transfer_on_cluster
from search.workers import RESOURCE, Cluster, DeviceNode
from search.workers.node_site import site_there
from searchspaces import make_space
from tests.cli import done, run, start
from tests.search.workers.things import Counter

OPTIONS = {"num_classes": 3}
SPACE = make_space("detnas-nano", **OPTIONS)
CONFIG = ProfileConfig(modules=False, detectors=6, replicates=1)
DEVICE = RESOURCE.format("fake")


def rows_of(table: LatencyTable) -> list[tuple[Any, ...]]:
    return [(row.visit, row.measurement and row.measurement.raw_ms) for row in table.rows]


def test_what_cannot_be_profiled_is_refused_before_a_cluster_is_joined(tmp_path: Path) -> None:
    profiled = partial(profile_on_cluster, SPACE, space_options=OPTIONS, address="nowhere:1")
    with pytest.raises(RunError, match=r"cpu or cuda:0, .* got 'cuda:1'"):
        profiled("fake", ProfileConfig(device="cuda:1"), tmp_path / "t.jsonl")
    with pytest.raises(UnknownEngineError, match="unknown engine 'fast'"):
        profiled("fast", CONFIG, tmp_path / "t.jsonl")
    (tmp_path / "t.jsonl").touch()
    with pytest.raises(TableError, match="go on with it by --resume"):
        profiled("fake", CONFIG, tmp_path / "t.jsonl")


def test_options_that_name_no_cluster_are_one_line(tmp_path: Path) -> None:
    common = ("profile", "--engine", "fake", "-o", tmp_path / "t.jsonl")
    run(*common, "--resource", "v100").refused("--resource", "give --workers ray[:ADDRESS]")
    run(*common, "--workers", "2").refused("one worker measures", "got '2'")
    run(*common, "--workers", "ray:").refused("ray[:ADDRESS]")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    path = tmp_path_factory.mktemp("source") / "t.jsonl"
    config = ProfileConfig(detectors=8, replicates=1, input_sets=0)
    return fit(profile(SPACE, get_backend("fake"), config, path, space_options=OPTIONS))


def test_what_cannot_be_transferred_is_refused_before_a_cluster_is_joined(
    source: Predictor, tmp_path: Path
) -> None:
    path = tmp_path / "t.jsonl"
    moved = partial(transfer_on_cluster, source, path=path, samples=6, address="nowhere:1")
    with pytest.raises(RunError, match=r"cpu or cuda:0, .* got 'cuda:1'"):
        moved("fake", transfer_config(source, device="cuda:1"))
    with pytest.raises(UnknownEngineError, match="unknown engine 'fast'"):
        moved("fast", transfer_config(source))
    path.touch()
    with pytest.raises(TableError, match="go on with it by --resume"):
        moved("fake", transfer_config(source))


def test_a_transfer_takes_the_options_of_a_profile(source: Predictor, tmp_path: Path) -> None:
    save_predictor(tmp_path / "p.json", source)
    output = tmp_path / "new.json"
    common = ("transfer", "--from", tmp_path / "p.json", "--engine", "fake", "-o", output)
    run(*common, "--resource", "v100").refused("--resource", "give --workers ray[:ADDRESS]")
    run(*common, "--workers", "2").refused("one worker measures", "got '2'")
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]
    done(*common, "--samples", 6)
    moved, table = transfer(source, get_backend("fake"), tmp_path / "own.jsonl", 6)
    assert rows_of(read_table(tmp_path / "new.jsonl")) == rows_of(table)
    assert load_predictor(output).manifest.device == moved.manifest.device


def test_weights_have_to_be_on_the_node(tmp_path: Path) -> None:
    graph = SPACE.detector(SPACE.decode("0" * 10)).graph(1, "fp32")
    made = record([graph], sets=1)
    recording = Recording(made.origin, made.images, [graph])
    recording.weights = tmp_path / "w.safetensors"
    with pytest.raises(ProfileError, match=r"does not have the weights .*w\.safetensors"):
        site_there("fake", (), CONFIG, "t", recording, None)


needs_ray = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="ray is not installed: detfit[distributed]",
    ),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]


def on_ray(test: Callable[..., None]) -> Callable[..., None]:
    for mark in needs_ray:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where nodes keep models; they take their environment from this process."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def nodes(cache: Path) -> Iterator[Any]:
    from ray.cluster_utils import Cluster as Nodes

    made = Nodes(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1, resources={DEVICE: 1})
    yield made
    made.shutdown()


@pytest.fixture
def profiled(nodes: Any, tmp_path: Path) -> Callable[..., LatencyTable]:
    def call(name: str, **options: Any) -> LatencyTable:
        config, path = options.pop("config", CONFIG), tmp_path / name
        usual = {"space_options": OPTIONS, "address": nodes.address, "resource": "fake"}
        return profile_on_cluster(SPACE, "fake", config, path, **(usual | options))

    return call


@pytest.fixture
def cluster(nodes: Any) -> Iterator[Cluster]:
    with closing(Cluster(nodes.address)) as joined:
        yield joined


def wait_for(ready: Callable[[], bool], seconds: float = 180.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.02)


@on_ray
def test_a_node_measures_as_this_machine_does(
    profiled: Callable[..., LatencyTable], tmp_path: Path, cache: Path
) -> None:
    told: list[tuple[str, float, float]] = []
    there = profiled("there.jsonl", progress=lambda *args: told.append(args))
    path = tmp_path / "here.jsonl"
    here = profile(SPACE, get_backend("fake"), CONFIG, path, space_options=OPTIONS)
    assert rows_of(there) == rows_of(here)
    assert there.manifest.to_dict() | {"sha256": None} == here.manifest.to_dict() | {
        "sha256": None
    }
    assert read_table(tmp_path / "there.jsonl") == there
    assert recording_path(tmp_path / "there.jsonl").read_bytes() == (
        recording_path(path).read_bytes()
    )
    assert told[-1] == ("profile complete", 6, 6)
    assert not list(cache.glob("detfit/*"))


@on_ray
def test_a_transfer_measures_on_a_node_as_it_does_here(
    nodes: Any, source: Predictor, tmp_path: Path, cache: Path
) -> None:
    save_predictor(tmp_path / "p.json", source)
    output, place = tmp_path / "there.json", ("--workers", f"ray:{nodes.address}")
    common = ("transfer", "--from", tmp_path / "p.json", "--engine", "fake", "--samples", 6)
    done(*common, *place, "--resource", "fake", "-o", output)
    here, table = transfer(source, get_backend("fake"), tmp_path / "here.jsonl", 6)
    assert rows_of(read_table(tmp_path / "there.jsonl")) == rows_of(table)
    detector = SPACE.detector(SPACE.decode("0" * 10))
    there = load_predictor(output)
    assert there.predict(detector).p50_ms == pytest.approx(here.predict(detector).p50_ms)
    assert not list(cache.glob("detfit/*"))


@on_ray
def test_recorded_inputs_are_run_on_the_node(nodes: Any, tmp_path: Path, cache: Path) -> None:
    config = ProfileConfig(modules=False, detectors=1, replicates=1, exploratory=True)
    table = profile_on_cluster(
        SPACE,
        "onnxruntime",
        config,
        tmp_path / "t.jsonl",
        space_options=OPTIONS,
        address=nodes.address,
        resource="fake",
    )
    (row,) = table.rows
    assert row.measurement is not None
    assert row.measurement.inputs == 4  # recorded here, run there
    assert table.manifest.device.engine == "onnxruntime"
    assert not list(cache.glob("detfit/*"))


@on_ray
def test_a_node_that_dies_is_told_and_the_table_goes_on(
    profiled: Callable[..., LatencyTable], nodes: Any, tmp_path: Path
) -> None:
    long = ProfileConfig(modules=False, detectors=6, replicates=60)
    whole = profiled("whole.jsonl", config=long)
    (last,) = nodes.worker_nodes

    def kill(message: str, count: float, total: float) -> None:
        if count == 3:
            nodes.remove_node(last, allow_graceful=False)

    with pytest.raises(RunError, match=r"^the process .* on node \S+ has died, or .* --resume$"):
        profiled("t.jsonl", config=long, progress=kill)
    assert 3 <= len(read_table(tmp_path / "t.jsonl").rows) < 360
    nodes.add_node(num_cpus=1, resources={DEVICE: 1})
    assert rows_of(profiled("t.jsonl", config=long, resume=True)) == rows_of(whole)


@on_ray
def test_an_object_is_kept_and_its_errors_are_raised_here(cluster: Cluster) -> None:
    with closing(DeviceNode(cluster, DEVICE, partial(Counter, 3), advice="try again")) as node:
        assert node.ask("kind") == "counter"
        assert [node.ask("add", 2), node.ask("add", 2)] == [5, 7]
        assert node.ask("process") != os.getpid()
        with pytest.raises(RunError, match=r"^it does not work there$"):
            node.ask("fail")
        with pytest.raises(RunError, match=r"^the process that .* the node with it; try again$"):
            node.ask("die")


@on_ray
def test_users_of_a_device_take_turns(cluster: Cluster) -> None:
    first = DeviceNode(cluster, DEVICE, Counter, advice="")
    waited: list[str] = []

    def waiting(message: str) -> None:
        waited.append(message)
        if len(waited) == 2:
            first.close()

    with closing(DeviceNode(cluster, DEVICE, Counter, advice="", waiting=waiting)) as second:
        assert second.ask("add", 1) == 1
    assert len(waited) >= 2
    assert set(waited) == {f"waiting for {DEVICE}"}


@on_ray
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_a_profile_that_is_stopped_here_frees_the_device(
    nodes: Any, cluster: Cluster, tmp_path: Path, way: signal.Signals
) -> None:
    table = tmp_path / "t.jsonl"
    common = ("profile", "--space", "detnas-nano", "--engine", "fake", "--classes", 3)
    common = (*common, "--no-modules", "--detectors", 8, "--replicates", 40)
    place = ("--workers", f"ray:{nodes.address}", "--resource", "fake")
    process = start(*common, *place, "-o", table, cwd=tmp_path)

    def lines() -> int:
        assert process.poll() is None, process.communicate()
        return table.read_bytes().count(b"\n") if table.exists() else 0

    wait_for(lambda: lines() > 5)
    assert cluster.ray.available_resources().get(DEVICE, 0) == 0
    process.send_signal(way)
    out, err = process.communicate(timeout=60)
    assert out == ""
    if way == signal.SIGINT:
        assert process.returncode == EXIT_INTERRUPTED
        assert "--resume" in err.splitlines()[-1]
        assert "Traceback" not in err
    kept = read_table(table).rows
    assert 4 <= len(kept) < 320
    wait_for(lambda: cluster.ray.available_resources().get(DEVICE, 0) == 1)
    done(*common, *place, "-o", table, "--resume")
    assert read_table(table).rows[: len(kept)] == kept
    done(*common, "-o", tmp_path / "here.jsonl")
    assert rows_of(read_table(table)) == rows_of(read_table(tmp_path / "here.jsonl"))


@on_ray
def test_a_device_that_no_node_has_is_one_line(nodes: Any, tmp_path: Path) -> None:
    common = ("profile", "--engine", "fake", "--workers", f"ray:{nodes.address}")
    outcome = run(*common, "--resource", "v100", "-o", tmp_path / "t.jsonl")
    outcome.refused("offers 'detfit-device-v100'", f"the cluster offers '{DEVICE}' (1)")
    assert not list(tmp_path.iterdir())
