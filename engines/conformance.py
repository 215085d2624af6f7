"""Tests that every backend has to pass. Subclass, give a ``backend`` fixture, run pytest.

Example::

    class TestMyBackend(BackendConformance):
        @pytest.fixture
        def backend(self):
            return MyBackend()
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from .base import Array, Backend, Engine, EngineBase, Model
from .device import DeviceInfo
from .errors import (
    EngineBuildError,
    EngineError,
    EngineInputError,
    EngineRunError,
    MeasurementError,
)
from .measurement import Measurement
from .measuring import measure_interleaved
from .models import TorchModel
from .protocol import TimingProtocol

QUICK = TimingProtocol(
    warmup_min_ms=0.0, warmup_max_ms=20.0, min_samples=6, max_samples=8, max_seconds=0.5
)


def small_model(name: str = "small") -> TorchModel:
    """Return a convolution, a ReLU and a sum over the channels: two inputs, two named outputs."""
    import torch

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, image: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, ...]:
            features = torch.relu(self.conv(image) + bias)
            return features, features.sum(dim=1)

    module = Small()
    rng = np.random.default_rng(0)
    for parameter in module.parameters():
        parameter.data = torch.from_numpy(rng.standard_normal(parameter.shape).astype(np.float32))
    inputs = {
        "image": rng.standard_normal((1, 3, 8, 10)).astype(np.float32),
        "bias": rng.standard_normal((1, 4, 1, 1)).astype(np.float32),
    }
    return TorchModel(module, inputs, ("features", "total"), name=name, macs=4 * 27 * 80)


def broken_model() -> TorchModel:
    """Return a model whose module raises what no runtime foresees, an ``IndexError``."""
    import torch

    class Broken(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise IndexError("a mistake in the model")

    return TorchModel(Broken(), {"x": np.ones((1, 3), np.float32)}, name="broken")


class BackendConformance:
    """Hold a backend to the contract of :mod:`engines.base`.

    Attributes:
        device: Where to build.
        evaluates: Whether ``run`` computes the model's outputs.
        atol: Absolute tolerance of the outputs against torch.
        rtol: Relative tolerance of the outputs against torch.
        saved_as: A file name that ``save`` takes.
        saved_beside: Suffixes of the files that ``save`` writes next to it.
    """

    device = "cpu"
    evaluates = True
    atol = 1e-4
    rtol = 1e-4
    saved_as = "engine.bin"
    saved_beside: tuple[str, ...] = ()

    @pytest.fixture
    def backend(self) -> Backend:
        """Return the backend under test; subclasses override it."""
        raise EngineBuildError(f"{type(self).__name__} needs a fixture named backend")

    @pytest.fixture
    def model(self) -> Model:
        """Return the model to build; it has two inputs and two outputs."""
        return small_model()

    @pytest.fixture
    def engine(self, backend: Backend, model: Model) -> Iterator[Engine]:
        """Build the model, or skip with the backend's reason."""
        reason = backend.unavailable_reason()
        if reason is not None:
            pytest.skip(reason)
        with backend.build(model, device=self.device) as engine:
            yield engine

    def test_has_a_name(self, backend: Backend) -> None:
        """The name can be typed on a command line."""
        assert backend.name
        assert backend.name == backend.name.strip().lower()

    def test_describes_what_it_built(self, engine: Engine, backend: Backend, model: Model) -> None:
        """Device, precision, threads and tensor names are there and right."""
        assert isinstance(engine.device, DeviceInfo)
        assert engine.device.engine == backend.name
        assert (engine.precision, engine.threads) == ("fp32", 1)
        assert engine.input_names == tuple(model.example_inputs())
        assert engine.output_names == ("features", "total")

    def test_outputs_equal_torch(self, engine: Engine, model: Model) -> None:
        """The outputs are those of the torch module."""
        outputs = engine.run(model.example_inputs())
        assert tuple(outputs) == engine.output_names
        if not self.evaluates:
            return
        for name, wanted in _torch_outputs(model).items():
            assert outputs[name].dtype == wanted.dtype
            np.testing.assert_allclose(outputs[name], wanted, self.rtol, self.atol)

    def test_run_repeats_and_leaves_its_inputs(self, engine: Engine, model: Model) -> None:
        """Two runs agree, later runs do not change earlier results, inputs stay."""
        inputs = model.example_inputs()
        before = {name: array.copy() for name, array in inputs.items()}
        first = engine.run(inputs)
        kept = {name: array.copy() for name, array in first.items()}
        engine.run({name: array + 1 for name, array in inputs.items()})
        second = engine.run(inputs)
        for name in engine.output_names:
            np.testing.assert_array_equal(first[name], kept[name])
            np.testing.assert_array_equal(first[name], second[name])
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, before[name])

    def test_outputs_depend_on_inputs(self, engine: Engine, model: Model) -> None:
        """Other inputs give other outputs."""
        if not self.evaluates:
            pytest.skip("this backend evaluates nothing")
        inputs = model.example_inputs()
        moved = {name: array + 1 for name, array in inputs.items()}
        assert not np.allclose(engine.run(inputs)["total"], engine.run(moved)["total"])

    def test_inputs_in_any_order(self, engine: Engine, model: Model) -> None:
        """Inputs are taken by name, also when they are not contiguous."""
        inputs = model.example_inputs()
        turned = dict(reversed(inputs.items()))
        turned["image"] = np.asfortranarray(turned["image"])
        for name, array in engine.run(inputs).items():
            np.testing.assert_array_equal(engine.run(turned)[name], array)

    @pytest.mark.parametrize("defect", ["missing", "unknown", "shape", "dtype", "list"])
    @pytest.mark.parametrize("method", ["run", "timer"])
    def test_refuses_wrong_inputs(
        self, engine: Engine, model: Model, method: str, defect: str
    ) -> None:
        """Every misfit is an error that names the tensor."""
        inputs: dict[str, Array] = model.example_inputs()
        image = inputs.pop("image")
        wrong: dict[str, object] = {
            "unknown": image,
            "shape": image[:, :, 1:],
            "dtype": image.astype(np.float64),
            "list": image.tolist(),
        }
        name = "mystery" if defect == "unknown" else "image"
        given = {**inputs, name: wrong[defect]} if defect in wrong else inputs
        with pytest.raises(EngineInputError, match=name):
            getattr(engine, method)(given)

    def test_measures(self, engine: Engine) -> None:
        """A measurement has samples, the protocol and the device, and survives JSON."""
        measured = engine.measure(QUICK)
        assert measured.protocol == QUICK
        assert measured.device == engine.device
        assert QUICK.min_samples <= len(measured.raw_ms) <= QUICK.max_samples
        assert measured.warmup_ms
        assert min(measured.raw_ms) > 0
        assert Measurement.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured

    def test_measures_on_given_inputs(self, engine: Engine, model: Model) -> None:
        """Inputs may be given for measuring."""
        inputs = {name: array + 1 for name, array in model.example_inputs().items()}
        assert engine.measure(QUICK, inputs).median_ms > 0

    def test_more_runs_take_longer(self, engine: Engine) -> None:
        """A timer returns the total of its runs, not the time of one."""
        timer = engine.timer()
        timer(5)
        few = min(timer(10) for _ in range(5))
        many = min(timer(1000) for _ in range(5))
        assert many > 5 * few

    def test_measures_side_by_side(self, backend: Backend, engine: Engine) -> None:
        """Two engines live and are measured next to each other."""
        with backend.build(small_model("other"), device=self.device) as other:
            first, second = measure_interleaved([engine, other], QUICK)
        assert first.device == second.device
        assert len(first.raw_ms) >= QUICK.min_samples

    @pytest.mark.parametrize("change", [{"threads": 2}, {"precision": "fp16"}])
    def test_refuses_another_protocol(self, engine: Engine, change: dict[str, object]) -> None:
        """What the engine was not built for is not measured."""
        protocol = replace(QUICK, **change)  # type: ignore[arg-type]
        with pytest.raises(MeasurementError, match=next(iter(change))):
            engine.measure(protocol)

    @pytest.mark.parametrize(
        "options", [{"precision": "fp31"}, {"threads": 0}, {"device": "abacus:0"}]
    )
    def test_refuses_unknown_options(
        self, backend: Backend, model: Model, options: dict[str, object]
    ) -> None:
        """Unknown options are errors that repeat the value."""
        if backend.unavailable_reason() is not None:
            pytest.skip(str(backend.unavailable_reason()))
        with pytest.raises(EngineError, match=str(next(iter(options.values())))):
            backend.build(model, **options)  # type: ignore[arg-type]

    def test_probes(self, engine: Engine, backend: Backend) -> None:
        """A probe gives the very device that engines are built for, and knows no abacus."""
        assert backend.probe(self.device).fingerprint == engine.device.fingerprint
        with pytest.raises(EngineBuildError, match="abacus:0"):
            backend.probe("abacus:0")

    @pytest.mark.parametrize("when", ["running", "preparing", "timing"])
    def test_failures_of_the_runtime_are_engine_errors(
        self, engine: Engine, model: Model, monkeypatch: pytest.MonkeyPatch, when: str
    ) -> None:
        """Whatever the runtime raises while it runs or is timed is one error, with its cause."""
        if not isinstance(engine, EngineBase):
            pytest.skip("only EngineBase has a place where a failure can be made up")
        failure = MemoryError("out of memory")

        def fail(*_: object) -> float:
            raise failure

        monkeypatch.setattr(engine, "_run", fail)
        monkeypatch.setattr(engine, "_timer", fail if when == "preparing" else lambda _: fail)
        expected = pytest.raises(EngineRunError, match="failed to run the model: out of memory")
        with expected as caught:
            if when == "running":
                engine.run(model.example_inputs())
            engine.measure(QUICK)
        assert caught.value.__cause__ is failure

    def test_failures_to_build_are_engine_errors(self, backend: Backend) -> None:
        """A model that cannot run is an engine error, whatever it raises."""
        if not self.evaluates:
            pytest.skip("this backend evaluates nothing")
        if backend.unavailable_reason() is not None:
            pytest.skip(str(backend.unavailable_reason()))
        with pytest.raises(EngineError, match="a mistake in the model"):
            backend.build(broken_model(), device=self.device)

    def test_saves(self, engine: Engine, tmp_path: Path) -> None:
        """Saving leaves the stated files and no other, and replaces an older one."""
        path = tmp_path / self.saved_as
        path.write_bytes(b"old")
        assert engine.save(path) == path
        assert path.stat().st_size > 3
        names = {path.name, *(path.with_suffix(suffix).name for suffix in self.saved_beside)}
        assert {file.name for file in tmp_path.iterdir()} == names

    def test_refuses_to_save_nowhere(self, engine: Engine, tmp_path: Path) -> None:
        """A missing folder is an error that names it."""
        with pytest.raises(EngineBuildError, match="missing"):
            engine.save(tmp_path / "missing" / self.saved_as)

    def test_closes(self, engine: Engine, model: Model) -> None:
        """A closed engine refuses to work; closing twice is fine."""
        engine.close()
        engine.close()
        with pytest.raises(EngineBuildError, match="closed"):
            engine.run(model.example_inputs())
        with pytest.raises(EngineBuildError, match="closed"):
            engine.measure(QUICK)


def _torch_outputs(model: Model) -> dict[str, Array]:
    import torch

    arrays = model.example_inputs().values()
    with torch.no_grad():
        outputs = model.torch_module()(*(torch.tensor(array) for array in arrays))
    named = zip(("features", "total"), outputs, strict=True)
    return {name: output.numpy() for name, output in named}
