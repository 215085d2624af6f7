"""Learning rate and parameter groups."""

import math

import pytest
import torch
from torch import nn

from detection import TrainConfig
from detection.training.optimizer import drop_steps, learning_rate, make_optimizer


def test_cosine_from_lr_to_final_lr() -> None:
    config = TrainConfig(steps=11, lr=1.0, final_lr=0.1)
    rates = [learning_rate(step, 11, config) for step in range(11)]
    assert rates[0] == 1.0
    assert rates[5] == pytest.approx(0.55)
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)
    assert rates[2] == pytest.approx(0.1 + 0.45 * (1 + math.cos(math.pi * 0.2)))


def test_warm_up_is_linear_below_the_cosine() -> None:
    config = TrainConfig(steps=100, lr=1.0, warmup_steps=10)
    plain = TrainConfig(steps=100, lr=1.0)
    assert learning_rate(0, 100, config) == pytest.approx(0.001)
    half = learning_rate(5, 100, config) / learning_rate(5, 100, plain)
    assert half == pytest.approx(0.5, abs=0.001)
    assert learning_rate(10, 100, config) == learning_rate(10, 100, plain)


def test_a_run_of_one_step() -> None:
    assert learning_rate(0, 1, TrainConfig(steps=1, lr=0.5)) == 0.5


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_norms_and_biases_do_not_decay(name: str) -> None:
    root = network()
    groups = make_optimizer(root, TrainConfig(steps=1, optimizer=name)).param_groups
    decaying = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    assert decaying == {id(root.get_parameter("0.weight"))}
    assert sum(len(group["params"]) for group in groups) == 4


def test_all_decays_on_request_and_frozen_parameters_stay_out() -> None:
    root = network()
    root.get_parameter("0.bias").requires_grad_(False)
    (group,) = make_optimizer(root, TrainConfig(steps=1, decay_all=True)).param_groups
    assert len(group["params"]) == 3
    assert group["weight_decay"] == 1e-4
    assert isinstance(make_optimizer(root, TrainConfig(steps=1)), torch.optim.SGD)


def test_linear_reaches_the_final_rate() -> None:
    config = TrainConfig(steps=11, lr=1.0, final_lr=0.5, schedule="linear")
    rates = [learning_rate(step, 11, config) for step in range(11)]
    assert rates == pytest.approx([1 - 0.05 * step for step in range(11)])


def test_step_falls_at_its_drops_and_nowhere_else() -> None:
    config = TrainConfig(steps=90, schedule="step", lr=0.02, drops=(60 / 90, 80 / 90))
    rates = [learning_rate(step, 90, config) for step in range(90)]
    assert rates == pytest.approx([0.02] * 60 + [0.002] * 20 + [0.0002] * 10)
    assert drop_steps(90_000, config) == (60_000, 80_000)


def test_constant_stays_after_the_warm_up() -> None:
    config = TrainConfig(steps=10, schedule="constant", lr=0.3, warmup_steps=3)
    rates = [learning_rate(step, 10, config) for step in range(10)]
    assert rates[0] < rates[1] < rates[2] < rates[3]
    assert rates[3:] == [0.3] * 7
