"""Settings of training runs."""

from dataclasses import asdict, replace

import pytest

from detection import TrainConfig, TrainingError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either steps or epochs, got steps=None, epochs=None"),
        ({"steps": 1, "epochs": 1}, "either steps or epochs"),
        ({"steps": 0}, "steps or epochs must be at least 1, got 0"),
        ({"steps": 1, "batch_size": 0}, "batch_size must be at least 1"),
        ({"steps": 1, "optimizer": "lion"}, "'lion' is not one of sgd, adamw"),
        ({"steps": 1, "lr": 0.0}, "lr must be above 0"),
        ({"steps": 1, "lr": float("nan")}, "lr must be finite"),
        ({"steps": 1, "weight_decay": -1.0}, "weight_decay must be finite and not negative"),
        ({"steps": 1, "schedule": "cyclic"}, "'cyclic' is not one of cosine, linear, step"),
        ({"steps": 1, "precision": "fp8"}, "precision 'fp8' is not one of auto, fp32, bf16"),
        ({"steps": 1, "accumulate": 3}, "batch_size 16 does not divide into 3 equal parts"),
        ({"steps": 1, "accumulate": 0}, "accumulate must be at least 1"),
        ({"steps": 1, "ema_decay": 1.0}, "ema_decay must be below 1"),
        ({"steps": 1, "drops": (0.5,)}, "drops belong to the schedule step"),
        ({"steps": 1, "schedule": "step"}, "drops belong to the schedule step"),
        ({"steps": 1, "schedule": "step", "drops": (0.8, 0.5)}, "drops must rise"),
        ({"steps": 1, "schedule": "step", "drops": (8.0,)}, "lie between 0 and 1"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        TrainConfig(**options)  # type: ignore[arg-type]


def test_length() -> None:
    assert TrainConfig(steps=7).total_steps(3) == 7
    assert TrainConfig(epochs=2).total_steps(3) == 6


def test_only_what_decides_the_result_must_stay() -> None:
    config = TrainConfig(steps=7)
    other = replace(config, workers=3, checkpoint_every=1, checkpoint_minutes=0.5)
    other = replace(other, evaluate_every=2, keep_best=True, tensorboard=True)
    assert config.differences(asdict(other)) == ()
    assert config.differences(asdict(replace(config, lr=0.5))) == ("lr: 0.5 then, 0.02 now",)
