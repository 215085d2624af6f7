"""What a pyramid's levels look at: the effective receptive field (Luo et al., NeurIPS 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from searchspaces import DetectorSpec, Graph, outputs_of, reference

from .errors import BuildError
from .graph_module import GraphModule

DRAWS = 4  # of noise or weights, that fields are averaged over
TWO_SIGMA = 0.9545
"""Share of a Gaussian within two standard deviations. In theory an effective field is Gaussian
(Luo et al. 2016); measuring it by the square that holds this share is ours."""


@dataclass(frozen=True, slots=True, eq=False)
class ReceptiveField:
    """How much every input pixel moves the centre of one level.

    Attributes:
        gradient: ``(h, w)`` of the input; absolute gradients of the sum over the channels of the
            level's centre pixel, summed over the input's channels, averaged over images.
        stride: Of the level in input pixels.
    """

    gradient: npt.NDArray[np.float64]
    stride: int

    @property
    def centre(self) -> tuple[float, float]:
        """Return the gradient's centre of mass: row and column of an input pixel."""
        mass = self.gradient / self.gradient.sum()
        rows, columns = (np.arange(side) for side in mass.shape)
        return float(mass.sum(1) @ rows), float(mass.sum(0) @ columns)

    def side_px(self, share: float = TWO_SIGMA) -> float:
        """Return the side of the square around the centre that holds a share of the gradient.

        What the image cuts off is not there to be counted: the side of a level that looks beyond
        the image is a lower bound.

        Args:
            share: Above 0, at most 1.

        Raises:
            BuildError: The share is not in that range.
        """
        if not 0 < share <= 1:
            raise BuildError(f"share must be above 0 and at most 1, got {share}")
        row, column = self.centre
        height, width = self.gradient.shape
        rows, columns = np.abs(np.arange(height) - row), np.abs(np.arange(width) - column)
        distance = np.maximum(rows[:, None], columns[None]).ravel()
        order = np.argsort(distance, kind="stable")
        mass = np.cumsum(self.gradient.ravel()[order])
        # Rounding must not ask for more than there is.
        enough = np.searchsorted(mass, share * mass[-1] * (1 - 1e-9))
        return 2 * float(distance[order[enough]]) + 1


def receptive_fields(
    detector: GraphModule,
    images: Tensor | None = None,
    *,
    count: int = DRAWS,
    seed: int = 0,
) -> tuple[ReceptiveField, ...]:
    """Measure the effective receptive field of every level that the neck gives.

    Without a neck it is the backbone's last map. The detector is left as it was.

    Args:
        detector: A whole detector, or a graph with one input.
        images: ``(n, 3, h, w)``, normalised; noise where there are none.
        count: How many images of noise are drawn.
        seed: Of the noise.

    Returns:
        One field per level, finest first.

    Raises:
        BuildError: There is no image, an output is no map, or its centre never moves.
    """
    (name, tensor), *_ = detector.graph.inputs
    if images is None:
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn((count, *tensor.shape[1:]), generator=generator)
        images = images.to(next(detector.parameters(), images).device)
    if not len(images):
        raise BuildError("a receptive field is averaged over at least one image, got none")
    levels = level_references(detector.graph)
    with _evaluating(detector):
        sums = [_centre_gradients(detector, name, levels, image[None]) for image in images]
    means = np.mean(sums, axis=0)
    if not all(mean.any() for mean in means):
        raise BuildError("no gradient reaches the input: the units at a level's centre are dead")
    input_hw = (int(images.shape[2]), int(images.shape[3]))
    strides = (_stride(input_hw, detector.graph.tensors[ref].shape) for ref in levels)
    return tuple(ReceptiveField(mean, stride) for mean, stride in zip(means, strides, strict=True))


def random_receptive_fields(
    spec: DetectorSpec, *, draws: int = DRAWS, seed: int = 0
) -> tuple[ReceptiveField, ...]:
    """Average the fields of detectors with random weights, each on an image of noise.

    So that what is seen is the architecture and not how we begin its training, normalisation
    layers have scale 1 and the statistics of the noise itself.

    Args:
        spec: What is built, anew for every draw.
        draws: Of weights and noise.
        seed: Of the first draw; the others follow.

    Raises:
        BuildError: There is no draw.
    """
    if draws < 1:
        raise BuildError(f"a receptive field needs at least one draw of weights, got {draws}")
    graph = _up_to_levels(spec)
    drawn = [_random_fields(graph, seed + draw) for draw in range(draws)]
    return tuple(
        ReceptiveField(np.mean([field.gradient for field in fields], axis=0), fields[0].stride)
        for fields in zip(*drawn, strict=True)
    )


def level_references(graph: Graph) -> tuple[str, ...]:
    """Return the references of a detector's levels: what its neck gives, finest first."""
    necks = [node for node in graph.nodes if node.part == "neck"]
    backbone = [node for node in graph.nodes if node.part == "backbone"]
    last = (necks or backbone or list(graph.nodes))[-1]
    return tuple(reference(last.name, i) for i in range(len(outputs_of(last.spec))))


def _up_to_levels(spec: DetectorSpec) -> Graph:
    """Cut off what comes after the levels: it would only take time and memory."""
    graph = spec.graph()
    names = [node.name for node in graph.nodes if node.part in ("backbone", "neck")]
    return graph.subgraph(names)


def _random_fields(graph: Graph, seed: int) -> tuple[ReceptiveField, ...]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = GraphModule(graph)
        image = torch.randn(graph.inputs[0][1].shape)
    for layer in module.modules():
        if isinstance(layer, _BatchNorm | nn.GroupNorm):
            layer.reset_parameters()
    _take_statistics(module, image)
    return receptive_fields(module, image)


def _take_statistics(module: GraphModule, image: Tensor) -> None:
    """Give batch normalisation the statistics of one image."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.reset_running_stats()
            layer.momentum = 1.0  # running statistics become the batch's own
    with torch.no_grad():
        module.train()(image)


def _centre_gradients(
    detector: GraphModule, name: str, levels: Sequence[str], image: Tensor
) -> npt.NDArray[np.float64]:
    """Return ``(levels, h, w)`` absolute gradients for one image."""
    image = image.detach().clone().requires_grad_()
    fields = []
    for level in detector.run({name: image}, levels):
        if level.ndim != 4:
            raise BuildError(f"a level must be an (n, c, h, w) map, got {tuple(level.shape)}")
        centre = level[0, :, level.shape[2] // 2, level.shape[3] // 2].sum()
        (gradient,) = torch.autograd.grad(centre, image, retain_graph=True)
        fields.append(gradient[0].abs().sum(0).double().cpu().numpy())
    return np.stack(fields)


def _stride(input_hw: tuple[int, int], shape: tuple[int, ...]) -> int:
    """Return the nominal stride of a map: the power of two next to the ratio of the sides."""
    return int(2 ** round(math.log2(max(input_hw) / max(shape[2:]))))


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for each, training in modes:
            each.training = training
