"""The CR-NAS spaces: where in the backbone computation takes place.

Source: Computation Reallocation for object detection (Liang et al., ICLR 2020). Three spaces per
series of networks: the stage level, the operation level on a fixed stage code, and both.
"""

from __future__ import annotations

from .heads import HEADS
from .operation_space import CrNasOperations
from .series import SERIES
from .space import CrNasSpace
from .stage_space import CrNasStages

__all__ = ["HEADS", "SERIES", "CrNasOperations", "CrNasSpace", "CrNasStages"]
