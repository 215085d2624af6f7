"""Learning rate and parameter groups."""

import math

import pytest
import torch
from torch import nn

from detection import TrainConfig
from detection.training.optimizer import learning_rate, make_optimizer


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
