import pytest

from export import BundleMachineError, BundleRuntimeError, EngineRecord, Platform
from export.bundle import platforms
from export.bundle.platforms import check_certified, check_gpu

HERE = Platform("onnxruntime", "1.30.2", "x86_64")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"onnxruntime": "1.30.2", "openvino": "2026.1.0"}
    monkeypatch.setattr(platforms, "machine_name", lambda: "x86_64")
    monkeypatch.setattr(platforms, "runtime_version", installed.get)


def test_a_platform_is_what_the_engine_was_checked_on() -> None:
    device = {"name": "Tesla V100", "options": "half=bf16"}
    record = EngineRecord("tensorrt", "10.4.0", "engine.plan", "x86_64", device)
    assert Platform.of(record) == Platform("tensorrt", "10.4.0", "x86_64", "half=bf16")
    on_gpu = Platform.of(EngineRecord("torch", "2.1", "m", "x86_64", device, runs_on="cuda:1"))
    assert on_gpu.gpu == "Tesla V100"
    assert str(on_gpu) == "torch 2.1 (half=bf16) on Tesla V100"
    assert str(HERE) == "onnxruntime 1.30.2 on x86_64"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Platform("onnxruntime", "1.30.2+cu12", "x86_64"), True),
        (Platform("onnxruntime", "1.30.2.7", "x86_64"), True),
        (Platform("onnxruntime", "1.30.3", "x86_64"), False),
        (Platform("onnxruntime", "1.31.2", "x86_64"), False),
        (Platform("openvino", "1.30.2", "x86_64"), False),
        (Platform("onnxruntime", "1.30.2", "aarch64"), False),
        (Platform("onnxruntime", "1.30.2", "x86_64", "graph=off"), False),
        (Platform("onnxruntime", "1.30.2", "x86_64", gpu="Tesla V100"), False),
    ],
)
def test_one_certificate_holds_for_one_platform(other: Platform, same: bool) -> None:
    assert HERE.same_as(other) is other.same_as(HERE) is same


def test_one_of_several_certificates_suffices() -> None:
    others = (
        Platform("onnxruntime", "1.29.0", "x86_64"),
        Platform("onnxruntime", "1.30.2", "aarch64"),
    )
    check_certified((*others, HERE), "onnxruntime")
    with pytest.raises(BundleRuntimeError):
        check_certified(others, "onnxruntime")


@pytest.mark.parametrize(
    ("known", "engine", "kind", "words"),
    [
        (HERE, "openvino", BundleRuntimeError, ("verified with onnxruntime, not with openvino",)),
        (
            Platform("onnxruntime", "1.30.2", "riscv64"),
            "onnxruntime",
            BundleMachineError,
            ("verified on riscv64, this machine is x86_64", "detfit verify", "--unverified"),
        ),
        (
            Platform("onnxruntime", "1.30.1", "x86_64"),
            "onnxruntime",
            BundleRuntimeError,
            ("1.30.1, installed is 1.30.2", "pip install onnxruntime==1.30.1", "detfit verify"),
        ),
        (
            Platform("tensorrt", "10.4.0", "x86_64"),
            "tensorrt",
            BundleRuntimeError,
            ("needs tensorrt 10.4.0, which is not installed", "pip install tensorrt==10.4.0"),
        ),
    ],
)
def test_elsewhere_is_refused_with_what_to_do(
    known: Platform, engine: str, kind: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as refused:
        check_certified((known,), engine)
    for word in words:
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_foreign_is_ever_said_to_be_installed() -> None:
    for known in (
        Platform("evil-package", "6.6.6", "x86_64"),
        Platform("tensorrt", "1 --index-url=elsewhere", "x86_64"),
    ):
        with pytest.raises(BundleRuntimeError) as refused:
            check_certified((known,), known.engine)
        assert "pip install" not in str(refused.value)


def test_the_gpu_is_one_of_those_verified_on() -> None:
    known = [Platform("torch", "2.1", "x86_64", gpu=name) for name in ("T4", "V100")]
    check_gpu(known, "torch", "V100")
    with pytest.raises(BundleMachineError, match=r"verified on T4, V100, the GPU here is H200"):
        check_gpu(known, "torch", "H200")
