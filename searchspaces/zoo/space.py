"""The zoo as a search space: its architectures are the published models."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..architecture import Architecture
from ..detector import DetectorSpec
from ..errors import ArchitectureError
from ..space import SearchSpace
from .models import ZOO
from .published import ZooModel

NAME = "zoo"


@dataclass(frozen=True)
class ZooSpace:
    """Choose one of the published models; each is also a code of one of the other spaces.

    Attributes:
        input_hw: Network input for all models; ``None`` takes each model's own.
        num_classes: Classes without background.
        proposals: Boxes given to the second stage; ``None`` takes each model's own. One-stage
            models have none and ignore it.
        norm: Of all models: ``bn``, as published, or for training from scratch with few images a
            batch ``gn_ws`` (group normalisation and standardised weights) or ``gn`` (group
            normalisation alone). Published figures are of ``bn``; :meth:`with_norm` changes over.

    Raises:
        SearchSpaceError: An option is no such number, or there is no such normalisation.

    Example:
        >>> space = ZooSpace()
        >>> space.own(space.decode("CR-ResNet50"))[0].name
        'crnas-resnet50'
    """

    input_hw: tuple[int, int] | None = None
    num_classes: int = 80
    proposals: int | None = None
    norm: str = "bn"

    def __post_init__(self) -> None:
        first = next(iter(ZOO))
        _ = _make_space(first, self.input_hw, self.num_classes, self.proposals, self.norm)

    @property
    def name(self) -> str:
        """Return ``zoo``."""
        return NAME

    @property
    def size(self) -> int:
        """Return the number of models."""
        return len(ZOO)

    @property
    def gene_choices(self) -> tuple[tuple[str, ...], ...]:
        """Return the names, the only gene."""
        return (tuple(ZOO),)

    def with_norm(self, norm: str) -> ZooSpace:
        """Return the zoo of the same models with another normalisation."""
        return replace(self, norm=norm)

    def enumerate(self) -> Iterator[Architecture]:
        """List every model."""
        return (Architecture(NAME, (name,)) for name in ZOO)

    def covering(self) -> Iterator[Architecture]:
        """List every model: each has modules of its own."""
        return self.enumerate()

    def model(self, arch: Architecture) -> ZooModel:
        """Return what is published.

        Raises:
            ArchitectureError: The zoo does not hold the architecture.
        """
        if not self.is_valid(arch):
            raise ArchitectureError(f"{arch} is not in the zoo; it holds {', '.join(ZOO)}")
        return ZOO[str(arch.genes[0])]

    def own(self, arch: Architecture) -> tuple[SearchSpace, Architecture]:
        """Return the space that holds a model, with this space's options, and its code there.

        Raises:
            ArchitectureError: The zoo does not hold the architecture.
        """
        model = self.model(arch)
        space = _space_of(model.name, self.input_hw, self.num_classes, self.proposals, self.norm)
        return space, space.decode(model.code)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw a model uniformly."""
        return Architecture(NAME, (list(ZOO)[rng.integers(len(ZOO))],))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Draw another model."""
        others = [name for name in ZOO if name != self.model(arch).name]
        return Architecture(NAME, (others[rng.integers(len(others))],))

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        """Take either parent."""
        parents = (self.model(a).name, self.model(b).name)
        return Architecture(NAME, (parents[rng.integers(2)],))

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the architecture itself."""
        self.model(arch)
        return arch

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether the only gene is a model's name."""
        return arch.space == NAME and len(arch.genes) == 1 and arch.genes[0] in ZOO

    def features(self, arch: Architecture) -> npt.NDArray[np.float64]:
        """Return ``(n_models,)`` indicators."""
        indicators: npt.NDArray[np.float64] = np.eye(len(ZOO))
        row: npt.NDArray[np.float64] = indicators[list(ZOO).index(self.model(arch).name)]
        return row

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Return the published detector."""
        space, own = self.own(arch)
        return space.detector(own)

    def node_tokens(self, arch: Architecture) -> Sequence[Hashable]:
        """Name the modules of a model by its name and their place."""
        name = self.model(arch).name
        return [(name, i) for i in range(_module_count(name))]

    def encode(self, arch: Architecture) -> str:
        """Write the model's name."""
        return self.model(arch).name

    def decode(self, text: str) -> Architecture:
        """Read a model's name.

        Raises:
            ArchitectureError: No model has this name; the message names the closest.
        """
        if text not in ZOO:
            close = get_close_matches(text, ZOO, n=3)
            hint = (
                f"did you mean {', '.join(close)}? " if close else f"it holds {', '.join(ZOO)}; "
            )
            raise ArchitectureError(
                f"no model {text!r} in the zoo; {hint}`detfit spaces zoo` lists all"
            )
        return Architecture(NAME, (text,))


@lru_cache(maxsize=len(ZOO))
def _module_count(name: str) -> int:
    """Return how many modules a model has: no option of the zoo changes that."""
    space = ZooSpace()
    return len(space.detector(space.decode(name)).nodes())


def _make_space(
    name: str,
    input_hw: tuple[int, int] | None,
    num_classes: int,
    proposals: int | None,
    norm: str,
) -> SearchSpace:
    from ..spaces import make_space  # the zoo is itself one of the spaces

    model = ZOO[name]
    options: dict[str, Any] = {**model.options, "num_classes": num_classes, "norm": norm}
    if input_hw is not None:
        options["input_hw"] = input_hw
    if proposals is not None and "retinanet" not in (options.get("head"), *model.code.split("/")):
        options["proposals"] = proposals
    return make_space(model.space, **options)


_space_of = lru_cache(maxsize=256)(_make_space)
