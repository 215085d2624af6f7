"""CUDA graphs, on the CPU: what is captured when, and what happens where it cannot be.

The stand-in for a graph records nothing: replaying it computes again, from its own inputs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from engines import DeviceInfo, EngineBuildError, TorchModel, TorchOptions
from engines.torch import engine as module
from engines.torch.calls import prepare
from engines.torch.engine import TorchEngine
from engines.torch.graphs import WARMUP_RUNS, Replay, try_capture
from engines.torch.settings import running_on

X = {"x": np.ones((1, 3), np.float32)}


class Stream:
    def wait_stream(self, other: "Stream") -> None:
        pass


class Graph:
    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put stand-ins in the place of torch.cuda; return what is done there."""
    entries: list[str] = []

    @contextmanager
    def stream(given: Stream) -> Iterator[None]:
        entries.append("side stream")
        yield
        entries.append("main stream")

    @contextmanager
    def graph(given: Graph) -> Iterator[None]:
        entries.append("capture")
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError("capture_end failed, too") from error
        entries.append("captured")

    for name, value in {
        "Stream": Stream,
        "current_stream": Stream,
        "stream": stream,
        "CUDAGraph": Graph,
        "graph": graph,
        "synchronize": lambda: entries.append("synchronized"),
        "set_stream": lambda given: entries.append("stream restored"),
        "get_sync_debug_mode": lambda: 1,
        "set_sync_debug_mode": lambda mode: entries.append(f"debug {mode}"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return entries


def _called(log: list[str]) -> Callable[[torch.Tensor], torch.Tensor]:
    def call(x: torch.Tensor) -> torch.Tensor:
        log.append("run")
        return x * 2

    return call


def test_captures_after_warming_up_aside(log: list[str]) -> None:
    given = torch.ones(3)
    replay = try_capture(_called(log), [given], "auto")
    warm = ["side stream", *["run"] * WARMUP_RUNS]
    checked = ["debug error", "run", "debug 1", "main stream"]
    assert log == [*warm, *checked, "capture", "run", "captured"]
    assert isinstance(replay, Replay)
    given.add_(1)  # the graph has inputs of its own
    assert torch.equal(replay.outputs, torch.full((3,), 2.0))


def test_nothing_is_captured_unasked(log: list[str]) -> None:
    assert try_capture(_called(log), [torch.ones(1)], "off") is None
    assert log == []


def _fails(run: int) -> Callable[[torch.Tensor], torch.Tensor]:
    runs = []

    def call(x: torch.Tensor) -> torch.Tensor:
        runs.append(x)
        if len(runs) == run:
            raise RuntimeError("called a synchronizing CUDA operation\nmore of it")
        return x

    return call


def test_what_synchronizes_is_found_before_the_capture(log: list[str]) -> None:
    reason = try_capture(_fails(WARMUP_RUNS + 1), [torch.ones(1)], "auto")
    assert reason == "called a synchronizing CUDA operation"
    assert "capture" not in log
    assert log[-4:] == ["debug error", "debug 1", "stream restored", "synchronized"]


def test_says_what_went_wrong_first_where_the_capture_fails(log: list[str]) -> None:
    reason = try_capture(_fails(WARMUP_RUNS + 2), [torch.ones(1)], "auto")
    assert reason == "called a synchronizing CUDA operation"  # not what ending it raised
    assert log[-3:] == ["capture", "stream restored", "synchronized"]


def test_refuses_where_a_graph_is_required(log: list[str]) -> None:
    with pytest.raises(
        EngineBuildError, match=r"cannot be captured .*: called a sync.* operation; graphs=auto"
    ):
        try_capture(_fails(1), [torch.ones(1)], "required")


class Doubles(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


def _engine(device: DeviceInfo, captured: Any) -> TorchEngine:
    cpu = torch.device("cpu")
    prepared = prepare(Doubles(), cpu, running_on(cpu, 1), "fp32", TorchOptions())
    return TorchEngine(
        prepared,
        captured,
        device=device,
        precision="fp32",
        threads=1,
        examples=X,
        output_names=("y",),
    )


def test_a_reason_is_kept_as_a_warning_and_the_module_runs(device: DeviceInfo) -> None:
    engine = _engine(device, "it synchronizes")
    assert engine.warnings == ("no CUDA graph, kernels are launched one by one: it synchronizes",)
    assert _engine(device, None).warnings == ()
    np.testing.assert_array_equal(engine.run(X)["y"], [[2, 2, 2]])


class Recomputes:
    """Replays by computing again, from the graph's inputs to its outputs."""

    def __init__(self, inputs: torch.Tensor, outputs: torch.Tensor) -> None:
        self.inputs, self.outputs, self.seen = inputs, outputs, []

    def replay(self) -> None:
        self.seen.append(float(self.inputs[0, 0]))
        self.outputs.copy_(self.inputs * 2)


def test_runs_and_timers_each_replay_their_own_inputs(device: DeviceInfo) -> None:
    own, out = torch.zeros(1, 3), torch.zeros(1, 3)
    graph = Recomputes(own, out)
    engine = _engine(device, Replay(graph, [own], out))
    first, second = engine.timer({"x": X["x"] * 5}), engine.timer({"x": X["x"] * 7})
    given = engine.run({"x": X["x"] * 3})["y"]
    assert first(2) > 0
    assert second(1) > 0
    assert first(1) > 0
    assert graph.seen == [3, 5, 5, 7, 5]
    np.testing.assert_array_equal(given, [[6, 6, 6]])  # not what was replayed later


def test_a_module_must_still_run_after_a_failed_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaks(torch.nn.Module):
        broken = False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if Breaks.broken:
                raise RuntimeError("the context is lost")
            return x

    def fails(call: object, tensors: object, graphs: str) -> str:
        Breaks.broken = True
        return "not capturable"

    monkeypatch.setattr(module, "try_capture", fails)
    with pytest.raises(EngineBuildError, match="the context is lost"):
        module.build(TorchModel(Breaks(), X), "fp32", 1, "cpu", TorchOptions())
