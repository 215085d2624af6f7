"""A warm-up that is too long for its run."""

import pytest

from detection import TrainConfig
from detection.training.optimizer import learning_rate
from detection.training.warmup import fitted_warmup


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("warmup", [0, 1, 10, 11, 99, 100, 101, 5000])
def test_the_run_reaches_its_rate(warmup: int, asked: bool) -> None:
    config = TrainConfig(steps=100, lr=1.0, schedule="constant", warmup_steps=warmup)
    fitted, changes = fitted_warmup(config, 100, asked=asked)
    kept = warmup <= (99 if asked else 10)
    assert fitted.warmup_steps == (warmup if kept else 10)
    assert changes == (
        () if kept else (f"warmup_steps {warmup} -> 10, as the run is of 100 steps",)
    )
    assert learning_rate(99, 100, fitted) == 1.0
    assert fitted_warmup(fitted, 100, asked=asked) == (fitted, ())


@pytest.mark.parametrize("total", [0, 1, 2, 9])
def test_short_runs_have_none(total: int) -> None:
    config = TrainConfig(steps=9, warmup_steps=0)
    assert fitted_warmup(config, total, asked=False) == (config, ())
    long, _ = fitted_warmup(TrainConfig(steps=9, warmup_steps=9), total)
    assert long.warmup_steps == 0
