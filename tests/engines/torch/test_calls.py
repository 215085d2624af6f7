import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engines import EngineBuildError, TimingProtocol, TorchBackend, TorchModel, TorchOptions
from engines.conformance import small_model
from engines.torch.engine import check_half

IMAGE = {"x": np.random.default_rng(0).standard_normal((1, 8, 6, 6)).astype(np.float32)}
QUICK = {"warmup_min_ms": 0, "warmup_max_ms": 2, "max_seconds": 0.01}


class Sees(torch.nn.Module):
    """A convolution that notes the layout and type of what it is given and gives."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(8, 4, 3)
        self.seen: set[tuple[bool, torch.dtype]] = set()

    def __deepcopy__(self, memo: object) -> "Sees":
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        last = all(
            tensor.is_contiguous(memory_format=torch.channels_last)
            for tensor in (x, self.conv.weight, y)
        )
        self.seen.add((last, y.dtype))
        return y


def _built(options: TorchOptions, precision: str = "fp32") -> tuple[Sees, np.ndarray]:
    module = Sees()
    engine = TorchBackend(options).build(TorchModel(module, IMAGE), precision=precision)
    engine.measure(TimingProtocol(precision=precision, **QUICK))
    return module, engine.run(IMAGE)["output"]


def test_channels_last_is_layout_alone() -> None:
    torch.manual_seed(0)
    module = torch.nn.Conv2d(8, 4, 3)
    model = TorchModel(module, IMAGE)
    wanted = TorchBackend().build(model).run(IMAGE)["output"]
    given = TorchBackend(TorchOptions(channels_last=True)).build(model).run(IMAGE)["output"]
    np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-6)
    assert given.shape == wanted.shape
    assert module.weight.is_contiguous()  # the user's own is left as it was


def test_saves_channels_last_as_any_other(tmp_path: Path) -> None:
    model = small_model()
    with TorchBackend(TorchOptions(channels_last=True)).build(model) as engine:
        path = engine.save(tmp_path / "engine.pt2")
        wanted = engine.run(model.example_inputs())
    module = torch.export.load(path).module()
    with torch.no_grad():
        given = module(*map(torch.tensor, model.example_inputs().values()))
    for array, tensor in zip(wanted.values(), given, strict=True):
        np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-5, atol=1e-5)


def test_channels_last_holds_while_it_runs_and_is_timed() -> None:
    assert _built(TorchOptions(channels_last=True))[0].seen == {(True, torch.float32)}
    assert _built(TorchOptions())[0].seen == {(False, torch.float32)}


def test_half_is_bfloat16_on_the_cpu_and_comes_back_as_float32() -> None:
    module, output = _built(TorchOptions(half="bf16"), "fp16")
    assert {dtype for _, dtype in module.seen} == {torch.bfloat16}
    assert output.dtype == np.float32
    with torch.no_grad():
        wanted = module.conv(torch.tensor(IMAGE["x"])).numpy()
    error = np.abs(output - wanted).max()
    assert 0 < error < 0.05  # bfloat16 has 8 bits of mantissa


def test_every_run_casts_its_own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []

    class Autocast(torch.autocast):
        def __enter__(self) -> object:
            entered.append(self)
            return super().__enter__()

    monkeypatch.setattr(torch, "autocast", Autocast)
    engine = TorchBackend(TorchOptions(half="bf16")).build(
        TorchModel(torch.nn.Conv2d(8, 4, 3), IMAGE), precision="fp16"
    )
    entered.clear()
    engine.timer()(5)
    assert len(entered) == 5


@pytest.mark.parametrize(
    ("options", "precision", "message"),
    [
        (TorchOptions(half="bf16"), "fp32", "half=bf16 says what precision fp16 computes in"),
        (TorchOptions(graphs="auto"), "fp32", "graphs=auto is for CUDA devices; leave it out"),
        (TorchOptions(half="bf16"), "int8", "builds fp32, fp16 on cpu, not precision 'int8'"),
    ],
)
def test_refuses_what_does_not_go_together(
    options: TorchOptions, precision: str, message: str
) -> None:
    with pytest.raises(EngineBuildError, match=message):
        TorchBackend(options).build(small_model(), precision=precision)


def test_a_v100_has_no_bfloat16() -> None:
    check_half("NVIDIA A100", (8, 0), "bf16")
    check_half("Tesla V100", (7, 0), "fp16")
    with pytest.raises(
        EngineBuildError, match=r"Tesla V100 \(compute capability 7\.0\) has no bf16"
    ):
        check_half("Tesla V100", (7, 0), "bf16")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels_last": 1}, "channels_last must be True or False, got 1"),
        ({"half": "fp8"}, "half must be one of fp16, bf16, got 'fp8'"),
        ({"compile": "yes"}, "compile must be one of off, default, max-autotune, got 'yes'"),
        ({"graphs": "on"}, "graphs must be one of off, auto, required, got 'on'"),
    ],
)
def test_options_are_checked(change: dict[str, object], message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        TorchOptions(**change)


class Stem(torch.nn.Module):
    """One class for every module, as the modules of a profile."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(8, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(x)) + 1


def test_the_compiler_is_loaded_only_where_it_is_asked_for() -> None:
    code = (
        "import sys\n"
        "from engines import TorchBackend\n"
        "from engines.conformance import small_model\n"
        "TorchBackend().build(small_model()).timer()(1)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "False"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler's own
def test_compiles_more_modules_of_a_class_than_torch_does_by_default() -> None:
    """By default the ninth would run uncompiled, without a word but in a log."""
    from torch._dynamo.utils import counters

    backend = TorchBackend(TorchOptions(compile="default"))
    counters.clear()
    for count in range(1, 11):
        module = Stem(count).eval()
        engine = backend.build(TorchModel(module, IMAGE))
        given = engine.run(IMAGE)["output"]
        with torch.no_grad():
            wanted = module(torch.tensor(IMAGE["x"])).numpy()
        np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-5)
        engine.timer()(2)
        assert counters["stats"]["unique_graphs"] == count
    assert engine.device.options == "compile=default"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler's own
def test_compiles_half_precision_with_channels_last() -> None:
    options = TorchOptions(compile="default", half="bf16", channels_last=True)
    model = TorchModel(Stem(5).eval(), IMAGE)
    wanted = TorchBackend().build(model).run(IMAGE)["output"]
    given = TorchBackend(options).build(model, precision="fp16").run(IMAGE)["output"]
    np.testing.assert_allclose(given, wanted, rtol=0.05, atol=0.05)
