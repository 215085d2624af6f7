"""What a report shows of detections: torch and engine side by side on the same photographs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .data import Picture, Sample
from .markup import picture


def samples_html(samples: Sequence[Sample]) -> str:
    """Return the photographs, embedded; two a row where torch and engine are both shown."""
    if not samples:
        return ""
    figures = "\n".join(_figure(sample) for sample in samples)
    return f'<div class="samples">\n{figures}\n</div>'


def _figure(sample: Sample) -> str:
    sides = "".join(_side(side) for side in sample.pictures)
    return (
        f'<figure>\n<div class="sides">{sides}</div>\n'
        f"<figcaption>{escape(sample.caption)}</figcaption></figure>"
    )


def _side(side: Picture) -> str:
    return f"<div>{picture(side.jpeg, side.alt)}<span>{escape(side.name)}</span></div>"
