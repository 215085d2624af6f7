"""The room's public list."""

import subprocess
import sys

import pytest

import detection


def test_every_public_name_is_there() -> None:
    for name in detection.__all__:
        assert getattr(detection, name) is not None
    assert set(detection.__all__) <= set(dir(detection))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Detectr'"):
        _ = detection.Detectr  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "statement",
    [
        "import detection",
        "from detection import Preprocess",
        "from detection import TrainConfig, TrainReport, TrainRow",
        "from detection import ShapesRecipe; ShapesRecipe()",
    ],
)
def test_torch_is_loaded_only_when_used(statement: str) -> None:
    code = f"import sys; {statement}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
