"""A page of sketches: detectors side by side and what the marks mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..detector import DetectorSpec
from ..errors import ModuleSpecError
from ..kinds import outputs_of
from ..modules import ModuleSpec
from .column import COLUMN_PX, Column, draw_stride_mark, shrinks
from .labels import block_label, block_style, compact, doubles, is_block, is_stem
from .svg import SvgCanvas, text_width

_MARGIN = 16
_GAP = 18
_SWATCH = 12


def draw_architectures(items: Sequence[tuple[str, DetectorSpec]]) -> str:
    """Sketch detectors side by side as one self-contained SVG file.

    Each is a column: the backbone's blocks stage by stage, the neck's levels, proposals, head.
    Bars share one scale of width. Kinds that are unknown here are plain boxes with their name.

    Args:
        items: Title and detector of each column.

    Returns:
        The file's text; equal arguments give equal text.

    Raises:
        ModuleSpecError: There is nothing to draw.
    """
    if not items:
        raise ModuleSpecError("a sketch needs at least one detector, got none")
    canvas = SvgCanvas()
    graphs = [detector.graph() for _, detector in items]
    blocks = [n.spec for g in graphs for n in g.nodes if n.part == "backbone" and is_block(n.spec)]
    widest = max((outputs_of(spec)[0].shape[1] for spec in blocks), default=1)
    for index, ((title, detector), graph) in enumerate(zip(items, graphs, strict=True)):
        x = _MARGIN + index * (COLUMN_PX + _GAP)
        Column(canvas, x, _MARGIN, widest).draw(title, detector, graph)
    _draw_legend(canvas, blocks, len(items) * (COLUMN_PX + _GAP) - _GAP)
    titles = ", ".join(title for title, _ in items)
    macs = ((title, detector.macs()["total"]) for title, detector in items)
    about = "; ".join(f"{title}: {compact(count)} multiply-adds" for title, count in macs)
    return canvas.finish(f"Architectures: {titles}", about, _MARGIN)


def _draw_legend(canvas: SvgCanvas, blocks: Sequence[ModuleSpec], width: float) -> None:
    """Explain the marks that occur, in as many lines as they need."""
    x, y = float(_MARGIN), canvas.height + 20
    canvas.line(_MARGIN, y - 10, _MARGIN + width, y - 10)
    for style, words in _entries(blocks):
        wide = text_width(words, "s") + (_SWATCH + 5 if style else 0)
        if x > _MARGIN and x + wide > _MARGIN + width:
            x, y = float(_MARGIN), y + 15
        if style == "accent":
            draw_stride_mark(canvas, x + 1, y)
        elif style:
            canvas.rect(x, y - 4, _SWATCH, 8, style, 2)
        canvas.text(x + (_SWATCH + 5 if style else 0), y, words, "muted s")
        x += wide + 16


def _entries(blocks: Sequence[ModuleSpec]) -> Iterator[tuple[str, str]]:
    colours = {block_style(spec) for spec in blocks if not is_stem(spec)}
    if len(colours) > 1:
        yield from sorted(colours, key=lambda entry: ("kod".index(entry[0][0]), entry))
    if any(map(shrinks, blocks)):
        yield "accent", "stride 2"
    words = {word[0] for spec in blocks for word in block_label(spec).split()}
    for letter, meaning in (("e", "expansion"), ("g", "groups")):
        if letter in words:
            yield "", f"{letter}… {meaning}"
    yield "", "bar: wider with the root of the channels, taller with the kernel"
    doubled = "; ×2 doubles them" if any(map(doubles, blocks)) else ""
    yield "", f"number on the right: channels{doubled}"
