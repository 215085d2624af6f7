"""Score architectures without training: the entropy of a backbone's feature maps.

Every map that leaves the backbone counts by its entropy (see :mod:`.entropy`) times the logarithm
of its size, as in Shen et al., "DeepMAD", CVPR 2023, arXiv:2303.02165, equation 5; the coarsest
map six times, the next two once, as in MAE-DET's detection backbones (ICML 2022, arXiv:2111.13336,
released weights 0, 0, 1, 1, 6).

What it does not see: dilations, normalisation, the detector behind the backbone and training. It
grows with depth, width and input size without end, so that it ranks networks only among those of
like cost: search it under a budget. Never a substitute for a trained accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from searchspaces import Node, SearchSpace, outputs_of

from ..errors import EvaluatorError
from .base import Budget
from .entropy import log_gain

if TYPE_CHECKING:
    from searchspaces import Architecture, ModuleSpec

SCORE = "entropy"
WEIGHTS = (6.0, 1.0, 1.0)  # of the coarsest map, of the next; others count nothing

_gain = lru_cache(maxsize=65_536)(log_gain)  # distinct modules of a large space


class ProxyEvaluator:
    """Score architectures by the entropy of their backbones' feature maps.

    Args:
        space: Names the detectors.
        objective: Name that the score is told under.

    Example:
        >>> from searchspaces import make_space
        >>> space = make_space("detnas-small")
        >>> proxy = ProxyEvaluator(space)
        >>> small, large = ("0" * 20, "2" * 20)
        >>> scores = [proxy.evaluate(space.decode(code))["entropy"] for code in (small, large)]
        >>> scores[0] < scores[1]
        True
    """

    def __init__(self, space: SearchSpace, objective: str = SCORE) -> None:
        self._space = space
        self._objective = objective

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        """Score one architecture, in about a millisecond; the budget has no meaning here.

        Raises:
            EvaluatorError: The backbone holds modules that the score does not know.
        """
        return {self._objective: entropy_score(self._space.detector(architecture).nodes())}


def entropy_score(nodes: Sequence[Node]) -> float:
    """Return the entropy score of a detector's nodes, in their order.

    Raises:
        EvaluatorError: The backbone holds modules that the score does not know.
    """
    logs: dict[str, float] = {}
    specs: dict[str, ModuleSpec] = {}
    taken: dict[str, None] = {}
    for node in nodes:
        if node.part == "backbone":
            logs[node.name] = logs.get(node.inputs[0], 0.0) + _gain(node.spec)
            specs[node.name] = node.spec
        else:
            taken |= dict.fromkeys(name for name in node.inputs if name in logs)
    if not taken:
        raise EvaluatorError("no map leaves the backbone, so that there is no entropy to score")
    maps = [(outputs_of(specs[name])[0].shape, logs[name]) for name in taken]
    maps.sort(key=lambda each: each[0][2] * each[0][3])  # coarsest first
    weighed = zip(WEIGHTS, maps, strict=False)
    return sum(
        weight * math.log(math.prod(shape[1:])) * 0.5 * log for weight, (shape, log) in weighed
    )
