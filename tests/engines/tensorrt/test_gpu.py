from importlib import metadata
from pathlib import Path

import pytest

from engines import DeviceInfo, TensorRtBackend, diagnose
from engines.tensorrt import gpu, visible_gpus
from engines.tensorrt.gpu import describe_gpu, installed_release, installed_toolkit, missing_parts
from tests.engines.tensorrt.fake_cuda import V100, FakeCuda

SMI = """#!/bin/sh
case "$*" in
  *index,name,compute_cap*) printf '0, Tesla V100-SXM2-16GB, 7.0\\n1, NVIDIA H100, 9.0\\n';;
  *--id=0000:3b:00.0*uuid*) echo GPU-ab-12;;
  *) exit 6;;
esac
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose nvidia-smi tells of a V100 and an H100."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(SMI)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(gpu, "nvidia_driver", lambda: "550.54.15")


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Installed distributions and their versions, empty at first."""
    installed: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(gpu.metadata, "version", version)
    monkeypatch.setattr(
        gpu, "missing_reason", lambda name, _: None if name in installed else "missing"
    )
    monkeypatch.setattr(
        gpu,
        "installed_packages",
        lambda: tuple(name for name in ("pycuda", "cuda-python") if name in installed),
    )
    return installed


def reason() -> str:
    return str(TensorRtBackend().unavailable_reason())


def test_nothing_is_there(
    packages: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpu, "nvidia_driver", lambda: None)
    assert visible_gpus() == ()
    assert reason() == (
        "no NVIDIA driver is loaded; the package 'tensorrt' is not installed; neither package "
        "'pycuda' nor 'cuda-python' is installed; run: pip install 'detfit[tensorrt]' "
        "(on a V100: 'detfit[tensorrt-v100]')"
    )


@pytest.mark.usefixtures("smi")
def test_a_v100_without_packages_is_told_its_own_line(packages: dict[str, str]) -> None:
    assert visible_gpus()[0] == (0, "Tesla V100-SXM2-16GB", (7, 0))
    assert "driver" not in reason()
    assert reason().endswith("run: pip install 'detfit[tensorrt-v100]'")


@pytest.mark.usefixtures("smi")
@pytest.mark.parametrize(
    ("installed", "problem"),
    [
        ({"tensorrt": "10.4.0", "pycuda": "2024.1.2"}, None),
        ({"tensorrt": "8.6.1", "pycuda": "2024.1.2"}, None),
        ({"tensorrt": "10.4.0", "cuda-python": "12.9.0", "cuda-bindings": "12.9.0"}, None),
        ({"tensorrt": "10.5.0", "pycuda": "2024.1.2"}, "TensorRT 10.5 does not run"),
        (
            {"tensorrt": "10.4.0", "cuda-python": "13.0.0", "cuda-bindings": "13.0.1"},
            "CUDA 13.0 does not run on compute capability 7.0; the last that does is 12.9",
        ),
        ({"pycuda": "2024.1.2"}, "the package 'tensorrt' is not installed"),
        ({"tensorrt": "10.4.0"}, "neither package 'pycuda' nor 'cuda-python' is installed"),
    ],
)
def test_a_v100_with_packages(
    packages: dict[str, str], installed: dict[str, str], problem: str | None
) -> None:
    packages.update(installed)
    if problem is None:
        assert TensorRtBackend().unavailable_reason() is None
    else:
        assert problem in reason()
        assert "detfit[tensorrt-v100]" in reason()


def test_versions_that_say_nothing(packages: dict[str, str]) -> None:
    assert installed_release() is installed_toolkit() is None
    packages.update({"tensorrt": "unreadable", "tensorrt-cu12": "10.4.0"})
    assert installed_release() == (10, 4)
    packages.update({"cuda-python": "1", "cuda-bindings": "1"})
    assert installed_toolkit() is None


def test_a_driver_without_a_gpu(
    packages: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(gpu, "nvidia_driver", lambda: "550.54.15")
    assert "nvidia-smi tells of no GPU" in missing_parts()


@pytest.mark.usefixtures("smi")
def test_pycuda_gets_the_uuid_from_nvidia_smi() -> None:
    cuda = FakeCuda(V100, name="pycuda")
    object.__setattr__(cuda, "gpu", type(V100)(**{**fields_of(V100), "uuid": ""}))
    _, device = describe_gpu(cuda, 0, "10.4.0", "10.4.0")
    assert isinstance(device, DeviceInfo)
    assert device.uuid == "ab-12"


def fields_of(found: object) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__slots__}  # type: ignore[attr-defined]


@pytest.mark.usefixtures("smi")
def test_doctor_tells_every_gpu_its_limits() -> None:
    v100, h100 = diagnose()["gpus"]
    assert v100 == {
        "gpu": "0",
        "name": "Tesla V100-SXM2-16GB",
        "capability": "7.0",
        "tensorrt": "up to 10.4",
        "cuda": "up to 12.9",
        "lacks": "int8 tensor cores, tf32, bf16",
        "install": "pip install 'detfit[tensorrt-v100]'",
    }
    assert (h100["tensorrt"], h100["lacks"]) == ("any", "nothing")
