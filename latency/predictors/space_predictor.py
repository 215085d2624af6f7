"""Predict many architectures of one space: what a search does for every candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from searchspaces import Architecture, Node, SearchSpace, TokenTable

if TYPE_CHECKING:
    from .predictor import Predictor


class SpacePredictor:
    """Sum module costs over architectures without wiring their detectors.

    Args:
        predictor: Knows what modules cost; its closure is applied to the sums.
        space: Names detectors; fast where it offers ``node_tokens``.
    """

    def __init__(self, predictor: Predictor, space: SearchSpace) -> None:
        self._predictor = predictor
        manifest = predictor.manifest
        self._table = TokenTable(
            space,
            self._rows,
            1,
            np.float64,
            batch=manifest.batch,
            precision=manifest.protocol.precision,
        )

    def predict_ms(self, archs: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        """Predict the medians ``(n,)`` of architectures.

        Raises:
            ArchitectureError: The space does not hold one of them.
            UnprofiledModuleError: A module was not profiled and cannot be estimated.
        """
        return self._predictor.closure.apply(self._table.sums(archs)[:, 0])

    def _rows(self, nodes: Sequence[Node]) -> npt.NDArray[np.float64]:
        return self._predictor.modules_ms([node.spec for node in nodes])[:, None]
