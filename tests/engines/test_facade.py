import subprocess
import sys

import pytest

import engines

HEAVY = ("torch", "onnx", "onnxruntime", "onnxscript", "openvino", "pytest", "scipy", "pandas")
ON_GRAPHS = {
    *("MAX_HALF", "NATIVE_OPERATORS", "calibrate", "data_inputs", "half_nodes", "largest_weights"),
    *("natively_quantizable", "prepared_model", "quantizable", "to_half"),
    *("with_native_quantization", "with_quantization", "with_rounding"),
}
"""Names of what reads or changes ONNX graphs."""


def _loaded_after(code: str) -> set[str]:
    check = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert _loaded_after("import engines") == set()


def test_every_light_name_loads_nothing_heavy() -> None:
    light = sorted(set(engines.__all__) - {"BackendConformance", "to_onnx"} - ON_GRAPHS)
    assert _loaded_after(f"from engines import {', '.join(light)}") == set()


def test_fake_engine_builds_and_measures_without_torch_or_onnx() -> None:
    code = (
        "import numpy as np\n"
        "from engines import get_backend, TimingProtocol, TorchModel\n"
        "model = TorchModel(None, {'x': np.ones((1, 3), np.float32)}, macs=10)\n"
        "get_backend('fake').build(model).measure(TimingProtocol())"
    )
    assert _loaded_after(code) == set()


def test_asking_which_engines_there_are_loads_none() -> None:
    code = (
        "from engines import BACKENDS\n"
        "[backend.unavailable_reason() for backend in BACKENDS.values()]"
    )
    assert _loaded_after(code) == set()


def test_every_public_name_exists() -> None:
    for name in engines.__all__:
        assert getattr(engines, name) is not None
    assert set(dir(engines)) == set(engines.__all__)
    assert len(set(engines.__all__)) == len(engines.__all__)


def test_public_names_live_where_the_facade_says() -> None:
    assert set(engines._MODULE_OF) == set(engines.__all__)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = engines.nothing_here
