"""What all tests share: threads, skips that say why, and the folder of real data."""

import importlib.util
import os
from pathlib import Path

# Two cores, two test processes: one thread each. Has to be set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent

# No deadline: the machine may be busy. Derandomised: the same examples on every run.
settings.register_profile("detfit", deadline=None, derandomize=True, database=None)
settings.load_profile("detfit")

ON_REQUEST = {
    "slow": "slow: run by `make test-slow`",
    "timing": "times this machine: run by `make test-slow` on an idle one",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what was not asked for by name with `-m`."""
    asked = config.getoption("markexpr")
    for item in items:
        for marker, reason in ON_REQUEST.items():
            if item.get_closest_marker(marker) and marker not in asked:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run."""
    needs_tensorrt = item.get_closest_marker("tensorrt") is not None
    if needs_tensorrt and importlib.util.find_spec("tensorrt") is None:
        pytest.skip("needs TensorRT: pip install 'detfit[tensorrt]'")
    if (needs_tensorrt or item.get_closest_marker("gpu")) and not _has_cuda():
        pytest.skip("needs a CUDA device")


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real photographs and published measurements, never part of the project."""
    folder = Path(os.environ.get("DETFIT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set DETFIT_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def coco80(data_dir: Path) -> Path:
    """80 train2017 and 80 val2017 COCO photographs with their instances JSON."""
    folder = data_dir / "coco80"
    if not folder.is_dir():
        pytest.skip(f"no COCO photographs at {folder}: set DETFIT_TEST_DATA")
    return folder
