"""The mask head's layers and the masks of predicted classes."""

import pytest
import torch
from torch import Tensor, nn

from detection import build_module
from searchspaces import ModuleSpec, TensorSpec


def mask_head(**changes: object) -> nn.Module:
    params = {"num_convs": 2, "channels": 6, "norm": "none", "num_classes": 3} | changes
    return build_module(ModuleSpec.of("mask_head", [TensorSpec((4, 5, 7, 7))], **params))


def masks(heads: int, batch: int, detections: int, classes: int) -> nn.Module:
    logits = TensorSpec((batch * detections, classes, 4, 4))
    labels = TensorSpec((batch, detections), "int64")
    return build_module(
        ModuleSpec.of(
            "mask_detections", [logits] * heads + [labels], batch=batch, num_classes=classes
        )
    )


def test_each_pixel_taken_becomes_four_independent_ones() -> None:
    head = mask_head(num_convs=0).eval()
    x = torch.randn(1, 5, 7, 7)
    with torch.no_grad():
        before = head(x)
        x[0, :, 3, 2] += 1.0
        changed = (head(x) != before).any(1)[0]
    assert changed.nonzero().tolist() == [[6, 4], [6, 5], [7, 4], [7, 5]]


@pytest.mark.parametrize("norm", ["none", "bn", "gn", "gn_ws"])
def test_gradients_reach_every_parameter(norm: str) -> None:
    head = mask_head(norm=norm)
    head(torch.randn(4, 5, 7, 7)).square().sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0 or norm != "none", name


def test_an_untrained_head_is_undecided() -> None:
    with torch.no_grad():
        assert mask_head()(torch.randn(4, 5, 7, 7)).abs().max() < 0.1


def by_hand(logits: list[Tensor], labels: Tensor) -> Tensor:
    batch, detections = labels.shape
    found = torch.zeros(batch, detections, 4, 4)
    for image in range(batch):
        for row in range(detections):
            each = [head[image * detections + row, labels[image, row]] for head in logits]
            found[image, row] = torch.stack(each).sigmoid().mean(0)
    return found


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_masks_are_the_mean_of_the_predicted_classs_probabilities(heads: int, batch: int) -> None:
    module = masks(heads, 2, 5, 3)  # built for another batch size
    logits = [torch.randn(batch * 5, 3, 4, 4) for _ in range(heads)]
    labels = torch.randint(3, (batch, 5))
    torch.testing.assert_close(module(*logits, labels), by_hand(logits, labels))
