import io
from pathlib import Path

import numpy as np
import pytest
import torch

from engines import (
    EngineBuildError,
    EngineError,
    EngineRunError,
    EngineUnavailableError,
    TimingProtocol,
    TorchBackend,
    TorchModel,
)
from engines.conformance import small_model
from engines.torch.engine import _time_cuda

X = {"x": np.ones((1, 3), np.float32)}


class Recorder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, bool]] = []

    def __deepcopy__(self, memo: object) -> "Recorder":
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append((torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return x + 1


@pytest.mark.parametrize("threads", [1, 2])
def test_sets_threads_while_it_runs_and_restores_them(threads: int) -> None:
    before = torch.get_num_threads()
    module = Recorder()
    engine = TorchBackend().build(TorchModel(module, X), threads=threads)
    engine.run(X)
    protocol = TimingProtocol(threads=threads, warmup_min_ms=0, warmup_max_ms=2, max_seconds=0.01)
    engine.measure(protocol)
    assert set(module.seen) == {(threads, True)}
    assert torch.get_num_threads() == before


def test_restores_threads_after_a_failure() -> None:
    class Fails(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x[0, 0] > 1:
                raise RuntimeError("too large")
            return x

    before = torch.get_num_threads()
    engine = TorchBackend().build(TorchModel(Fails(), X), threads=before + 1)
    with pytest.raises(EngineRunError, match="torch failed to run the model: too large"):
        engine.run({"x": np.full((1, 3), 2, np.float32)})
    assert torch.get_num_threads() == before


def test_keeps_what_it_was_built_from() -> None:
    module = torch.nn.Linear(3, 1)
    engine = TorchBackend().build(TorchModel(module, X))
    before = engine.run(X)["output"]
    with torch.no_grad():
        module.weight.add_(1.0)
    np.testing.assert_array_equal(engine.run(X)["output"], before)


def test_a_returned_buffer_is_copied() -> None:
    class Returns(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("state", torch.zeros(1, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.state.copy_(x)
            return self.state

    engine = TorchBackend().build(TorchModel(Returns(), X))
    first = engine.run(X)["output"]
    engine.run({"x": X["x"] * 5})
    np.testing.assert_array_equal(first, X["x"])


def test_names_several_outputs() -> None:
    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            return [x, x.argmax(1)]

    outputs = TorchBackend().build(TorchModel(Two(), X)).run(X)
    assert list(outputs) == ["output_0", "output_1"]
    assert outputs["output_1"].dtype == np.int64
    with pytest.raises(EngineBuildError, match=r"'model' names 1 outputs \(a\) but gives 2"):
        TorchBackend().build(TorchModel(Two(), X, ["a"]))


def test_saves_what_torch_loads(tmp_path: Path) -> None:
    model = small_model()
    path = TorchBackend().build(model).save(tmp_path / "engine.pt2")
    program = torch.export.load(io.BytesIO(path.read_bytes()))
    arguments = [torch.tensor(array) for array in model.example_inputs().values()]
    with torch.no_grad():
        given, wanted = program.module()(*arguments), model.torch_module()(*arguments)
    assert all(torch.allclose(a, b) for a, b in zip(given, wanted, strict=True))


def test_says_why_it_cannot_save(tmp_path: Path) -> None:
    class Branches(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum() > 0 else x

    engine = TorchBackend().build(TorchModel(Branches(), X))
    with pytest.raises(EngineBuildError, match=r"torch.export cannot save this model: "):
        engine.save(tmp_path / "engine.pt2")
    assert not list(tmp_path.iterdir())


class Dictionary(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"a": x}


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch.nn.Linear(7, 1), "'model' does not run on its example inputs: .*shapes"),
        (Dictionary(), "output 0 is a dict; a model gives one tensor or a tuple of tensors"),
    ],
)
def test_refuses_modules(module: torch.nn.Module, message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        TorchBackend().build(TorchModel(module, X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"precision": "fp16"},
            "builds fp32 on cpu, not precision 'fp16'; the option half=bf16 builds fp16 as bf",
        ),
        ({"precision": "int8", "device": "cuda"}, "builds fp32, fp16 on cuda, not .*'int8'"),
        ({"device": "mps"}, "unknown device 'mps'"),
    ],
)
def test_refuses_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        TorchBackend().build(small_model(), **options)


def test_a_missing_cuda_device_is_unavailable() -> None:
    with pytest.raises(EngineUnavailableError, match="no device cuda:77"):
        TorchBackend().build(small_model(), device="cuda:77")


def test_cuda_blocks_are_timed_from_idle_to_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing
            self.name = "end" if "start made" in log else "start"
            log.append(f"{self.name} made")

        def record(self) -> None:
            log.append(f"{self.name} recorded")

        def synchronize(self) -> None:
            log.append(f"{self.name} awaited")

        def elapsed_time(self, end: "Event") -> float:
            assert (self.name, end.name) == ("start", "end")
            return 12.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: log.append("idle"))
    assert _time_cuda(lambda: log.append("run"), 3) == 12.5
    expected = ["idle", "start recorded", "run", "run", "run", "end recorded", "end awaited"]
    assert [entry for entry in log if "made" not in entry] == expected


class Grows(torch.nn.Module):
    """Runs three times, then has no memory left."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.runs += 1
        if self.runs > 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return x


def test_no_memory_left_in_the_middle_of_a_measurement_is_an_engine_error() -> None:
    engine = TorchBackend().build(TorchModel(Grows(), X))
    timer = engine.timer()
    assert timer(2) > 0
    with pytest.raises(EngineRunError, match="torch failed to run the model: CUDA out of memory"):
        timer(2)
    before = torch.get_num_threads()
    with pytest.raises(EngineRunError, match="CUDA out of memory"):
        engine.measure(TimingProtocol())
    assert torch.get_num_threads() == before


def test_a_timer_of_a_closed_engine_refuses() -> None:
    engine = TorchBackend().build(small_model())
    timer = engine.timer()
    engine.close()
    with pytest.raises(EngineBuildError, match="closed"):
        timer(1)
