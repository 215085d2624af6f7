"""What SM-NAS' analysis looks at in a coded backbone, as numbers.

Source: SM-NAS (Yao et al., AAAI 2020), analysis of the results: depth, width, places of the
doublings and share of the blocks per stage.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...parts import CODED_BLOCKS, STAGES
from .code import DOUBLINGS, BackboneCode

_STAGES = tuple(f"stage {stage + 1}" for stage in range(STAGES))

CODE_FEATURES = (
    *CODED_BLOCKS,
    "log2 base channels",
    "log2 pyramid width",
    "depth",
    *(f"depth of {stage}" for stage in _STAGES),
    *(f"share of blocks in {stage}" for stage in _STAGES),
    *(f"place of doubling {index + 1}" for index in range(DOUBLINGS)),
    *(f"doublings by the end of {stage}" for stage in _STAGES[:-1]),
)
"""Names of the numbers, in their order."""


def code_features(code: BackboneCode, pyramid_width: int) -> npt.NDArray[np.float64]:
    """Return ``(n_features,)`` numbers, named by :data:`CODE_FEATURES`.

    Places of doublings are counted along the blocks, from 0 (the first) to 1 (the last). Without
    pyramid its width is 0, and so is the logarithm given.

    Example:
        >>> row = code_features(BackboneCode.parse("basicblock_64_1-21-21-12"), 128)
        >>> dict(zip(CODE_FEATURES, row.tolist()))["place of doubling 2"]
        0.5
    """
    depths = np.array(code.depths, dtype=np.float64)
    doublings_by_stage = np.cumsum([group.count("2") for group in code.groups])
    return np.concatenate(
        (
            [code.block == block for block in CODED_BLOCKS],
            [np.log2(code.base), np.log2(pyramid_width) if pyramid_width else 0.0, code.depth],
            depths,
            depths / code.depth,
            np.array(code.doublings) / (code.depth - 1),
            doublings_by_stage[:-1],
        )
    ).astype(np.float64)
