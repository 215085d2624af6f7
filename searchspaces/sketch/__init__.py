"""Pictures of architectures as self-contained SVG text, without any library."""

from __future__ import annotations

from .page import draw_architectures
from .svg import SvgCanvas, fit_text

__all__ = ["SvgCanvas", "draw_architectures", "fit_text"]
