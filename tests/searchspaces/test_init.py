import subprocess
import sys

import searchspaces

HEAVY = ("torch", "torchvision", "onnx", "onnxruntime", "pandas", "sklearn", "tensorrt", "pytest")


def test_all_is_sorted_and_complete():
    """Constants, then classes, then functions, each in order (ruff's RUF022)."""

    def key(name):
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert searchspaces.__all__ == sorted(set(searchspaces.__all__), key=key)
    assert all(hasattr(searchspaces, name) for name in searchspaces.__all__)


def test_every_public_name_is_documented():
    for name in searchspaces.__all__:
        value = getattr(searchspaces, name)
        assert not callable(value) or value.__doc__, name


def test_import_loads_no_heavy_library():
    code = (
        "import sys, searchspaces as s\n"
        "space = s.make_space('detnas-nano')\n"
        "space.detector(space.decode('0' * 10)).macs()\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
