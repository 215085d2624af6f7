"""What a training needs of the machine is known before it begins."""

import sys

import pytest

from detection import TrainConfig, TrainingError, require_computable


def test_settings_that_this_machine_computes() -> None:
    for precision in ("auto", "fp32", "bf16"):
        require_computable(TrainConfig(steps=1, precision=precision), "cpu")


def test_others_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="fp16 trains on CUDA devices only, got device 'cpu'"):
        require_computable(TrainConfig(steps=1, precision="fp16"), "cpu")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match="tensorboard is not installed"):
        require_computable(TrainConfig(steps=1, tensorboard=True), "cpu")
