from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
import torch

from engines import CutModel, OpenVinoBackend, TorchModel

pytestmark = pytest.mark.skipif(
    OpenVinoBackend().unavailable_reason() is not None,
    reason=str(OpenVinoBackend().unavailable_reason()),
)
INNER = frozenset({"fine", "coarse", "given"})


class Cut(TorchModel):
    """Two maps and boxes of a network: maps are inner tensors."""

    inner_tensors: frozenset[str] = INNER


class Part(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(8, 16, 3, padding=1)

    def forward(
        self, fine: torch.Tensor, coarse: torch.Tensor, boxes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self.conv(fine) + coarse.mean((2, 3), keepdim=True), boxes * 2


def arrays() -> Mapping[str, npt.NDArray[np.generic]]:
    rng = np.random.default_rng(0)
    shapes = {"fine": (1, 8, 16, 12), "coarse": (1, 16, 3, 2), "boxes": (1, 5, 4)}
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def part(kind: type[TorchModel]) -> TorchModel:
    torch.manual_seed(0)
    return kind(Part(), arrays(), ("given", "doubled"))


def reorders(model: TorchModel) -> list[str]:
    with OpenVinoBackend().build(model) as engine:
        return [layer.name for layer in engine.layer_times(runs=1) if "acdb" in layer.name]


def test_a_cut_model_says_so() -> None:
    assert isinstance(part(Cut), CutModel)
    assert not isinstance(part(TorchModel), CutModel)


def test_inner_tensors_are_taken_and_given_as_ever() -> None:
    with (
        OpenVinoBackend().build(part(Cut)) as cut,
        OpenVinoBackend().build(part(TorchModel)) as whole,
    ):
        found, expected = cut.run(arrays()), whole.run(arrays())
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, atol=1e-6, err_msg=name)


def test_nothing_is_turned_round_at_inner_borders() -> None:
    if not reorders(part(TorchModel)):
        pytest.skip("on this processor OpenVINO computes in the layout that it is given")
    assert not reorders(part(Cut))
