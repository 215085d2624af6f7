"""The SM-NAS spaces: first the structure of the detector, then the blocks of its backbone.

Source: SM-NAS (Yao et al., AAAI 2020), stages one and two.
"""

from __future__ import annotations

from .code import BackboneCode, is_deeper_or_wider
from .modular_space import SmNasModularSpace
from .structural_space import SmNasStructuralSpace

__all__ = ["BackboneCode", "SmNasModularSpace", "SmNasStructuralSpace", "is_deeper_or_wider"]
