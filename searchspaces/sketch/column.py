"""One detector, drawn from top to bottom."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from ..arch_text import format_size
from ..detector import DetectorSpec
from ..graph import Graph, Node
from ..kinds import outputs_of
from ..modules import ModuleSpec, TensorSpec
from .labels import (
    block_label,
    block_style,
    compact,
    count_label,
    doubles,
    halvings,
    is_block,
    is_stem,
    row_label,
)
from .svg import SvgCanvas, fit_text

COLUMN_PX = 272
_PAD = 10
_GUTTER = 52  # left and right of the bars: stride marks, channels
_BAR_LEAST, _BAR_MOST = 58, COLUMN_PX - 2 * _GUTTER
_BAR_HEIGHTS = {5: 16, 7: 19}  # a larger kernel makes a taller bar
_BAR_HEIGHT = 13
_ROW = 17
_STEP = 3  # between bars and between rows
_BELOW = 7  # below a card
_TITLE_PX = COLUMN_PX * 0.85  # bold letters are wider
_ABOVE = 4  # above a part's name


class Column:
    """Draw one detector downwards.

    Args:
        canvas: Takes the shapes.
        x: Left edge.
        y: Upper edge.
        widest: Channels of the widest bar on the page.
    """

    def __init__(self, canvas: SvgCanvas, x: float, y: float, widest: int) -> None:
        self.canvas = canvas
        self.x, self.y = x, y
        self.right, self.centre = x + COLUMN_PX, x + COLUMN_PX / 2
        self.widest = widest

    def draw(self, title: str, detector: DetectorSpec, graph: Graph) -> None:
        """Draw title, backbone, neck, proposals and head, each with its multiply-adds."""
        macs = detector.macs()
        self._title(title, detector, macs["total"])
        parts = {part: [n for n in graph.nodes if n.part == part] for part in macs}
        self._section("backbone", macs["backbone"])
        for nodes in _stages(parts["backbone"]):
            self._stage(nodes, detector.input_hw)
        self._section("neck", macs["neck"])
        self._neck(parts["neck"], detector.input_hw)
        for part in ("rpn", "head"):
            if parts[part]:
                self._section(part, macs[part])
                for name, nodes in _groups(parts[part]):
                    self._rows(name, nodes, part)

    def _title(self, title: str, detector: DetectorSpec, macs: int) -> None:
        self.canvas.text(self.x, self.y + 8, fit_text(title, _TITLE_PX, "l"), "ink bold l")
        words = (f"{compact(macs)} MACs", f"{compact(detector.params())} params")
        line = " · ".join((*words, _size(detector.input_hw)))
        self.canvas.text(self.x, self.y + 27, fit_text(line, COLUMN_PX), "muted m")
        self.y += 46

    def _section(self, part: str, macs: int) -> None:
        self.y += _ABOVE
        self.canvas.text(self.x, self.y + 5, part.upper(), "muted bold s")
        self.canvas.text(self.right, self.y + 5, f"{compact(macs)} MACs", "muted s", "end")
        self.y += 16

    def _stage(self, nodes: Sequence[Node], input_hw: tuple[int, int]) -> None:
        """Draw a card with a bar for each block."""
        heights = [_bar_height(node.spec) for node in nodes]
        height = 2 * _PAD + 14 + sum(heights) + _STEP * (len(nodes) - 1)
        self.canvas.rect(self.x, self.y, COLUMN_PX, height, "card", 6)
        head = self.y + _PAD + 3
        self.canvas.text(self.x + _PAD, head, _count(nodes), "ink bold s")
        where = _where(outputs_of(nodes[-1].spec)[0], input_hw)
        self.canvas.text(self.right - _PAD, head, where, "muted s", "end")
        y, channels = self.y + _PAD + 14, 0
        for node, bar in zip(nodes, heights, strict=True):
            if is_block(node.spec):
                channels = self._bar(node.spec, y, bar, channels)
            else:
                self._plain(node.spec.kind, y, bar)
            y += bar + _STEP
        self.y += height + _BELOW

    def _bar(self, spec: ModuleSpec, y: float, height: float, before: int) -> int:
        """Draw a block and return its channels; they are written where they change."""
        channels, middle = outputs_of(spec)[0].shape[1], y + height / 2
        width = _BAR_LEAST + (_BAR_MOST - _BAR_LEAST) * math.sqrt(channels / self.widest)
        self.canvas.rect(self.centre - width / 2, y, width, height, block_style(spec)[0])
        label = fit_text(block_label(spec), width, "s")
        self.canvas.text(self.centre, middle, label, "on s", "middle")
        if shrinks(spec):
            draw_stride_mark(self.canvas, self.x + _PAD, middle)
        if channels != before:
            twice = "×2 " if doubles(spec) and not is_stem(spec) else ""
            self.canvas.text(self.right - _PAD, middle, f"{twice}{channels}", "ink s", "end")
        return channels

    def _plain(self, label: str, y: float, height: float) -> None:
        self.canvas.rect(self.centre - _BAR_MOST / 2, y, _BAR_MOST, height, "plain")
        words = fit_text(label, _BAR_MOST, "s")
        self.canvas.text(self.centre, y + height / 2, words, "ink s", "middle")

    def _neck(self, nodes: Sequence[Node], input_hw: tuple[int, int]) -> None:
        if not nodes:
            self._row("no pyramid", "plain")
            self.y += _BELOW - _STEP
        for node in nodes:
            self._rows("", [node], "neck")
            self._pyramid(outputs_of(node.spec), input_hw)

    def _pyramid(self, outputs: Sequence[TensorSpec], input_hw: tuple[int, int]) -> None:
        """Draw levels, finest first, as bars that shrink as their maps do."""
        levels = [tensor.shape for tensor in outputs if len(tensor.shape) == 4]
        power = halvings(input_hw, levels[0][2:]) if levels else None
        for index, (_, _, height, width) in enumerate(levels):
            side = max((COLUMN_PX - 150) * width / levels[0][3], 3)
            self.canvas.rect(self.centre - side / 2, self.y, side, 10, "neck", 2)
            name = "map" if power is None else f"P{power + index}"
            self.canvas.text(self.x + _PAD, self.y + 5, name, "ink bold s")
            size = _size((height, width))
            self.canvas.text(self.right - _PAD, self.y + 5, size, "muted s", "end")
            self.y += 13
        self.y += _BELOW

    def _rows(self, title: str, nodes: Sequence[Node], style: str) -> None:
        """Draw one box per run of modules of one kind, under a title where there is one."""
        if title:
            self.canvas.text(self.x + _PAD, self.y + 4, title, "ink bold s")
            self.y += 12
        for kind, run in groupby(nodes, lambda node: node.spec.kind):
            specs = [node.spec for node in run]
            label = row_label(specs[0])
            if is_block(specs[0]):
                label = f"{count_label(kind, len(specs))} on every box"
            elif label and len(specs) > 1:
                label = f"{len(specs)} × {label}"
            self._row(label or kind, style if label else "plain")
        self.y += _BELOW - _STEP

    def _row(self, label: str, style: str) -> None:
        self.canvas.rect(self.x, self.y, COLUMN_PX, _ROW, style)
        words = fit_text(label, COLUMN_PX - 2 * _PAD)
        ink = "ink m" if style == "plain" else "on m"
        self.canvas.text(self.centre, self.y + _ROW / 2, words, ink, "middle")
        self.y += _ROW + _STEP


def draw_stride_mark(canvas: SvgCanvas, x: float, y: float) -> None:
    """Draw the triangle that says stride 2; ``y`` is its middle."""
    canvas.polygon([(x, y - 4), (x + 9, y - 4), (x + 4.5, y + 4)], "accent")


def shrinks(spec: ModuleSpec) -> bool:
    """Return whether a block gives a smaller map than it takes."""
    return outputs_of(spec)[0].shape[2:] != spec.inputs[0].shape[2:]


def _stages(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Split the backbone where maps change their size; the stem stands alone."""

    def place(node: Node) -> tuple[int, ...]:
        return () if is_stem(node.spec) else outputs_of(node.spec)[0].shape[2:]

    for _, stage in groupby(nodes, place):
        yield list(stage)


def _groups(nodes: Sequence[Node]) -> list[tuple[str, list[Node]]]:
    """Split a head before every RoIAlign; a cascade's groups are named."""
    groups: list[list[Node]] = [[]]
    for node in nodes:
        if node.spec.kind == "roi_align" and groups[-1]:
            groups.append([])
        groups[-1].append(node)
    kinds = [{node.spec.kind for node in group} for group in groups]
    stages = sum("box_head" in each for each in kinds)
    named = []
    for index, (group, inside) in enumerate(zip(groups, kinds, strict=True)):
        stage = f"stage {index + 1} of {stages}" if stages > 1 and "box_head" in inside else ""
        named.append(("masks" if "mask_head" in inside else stage, group))
    return named


def _bar_height(spec: ModuleSpec) -> int:
    kernel = dict(spec.params).get("kernel", 3)
    return _BAR_HEIGHTS.get(kernel, _BAR_HEIGHT) if isinstance(kernel, int) else _BAR_HEIGHT


def _count(nodes: Sequence[Node]) -> str:
    if is_stem(nodes[0].spec):
        return "stem"
    counts = Counter(node.spec.kind for node in nodes)
    return ", ".join(count_label(kind, count) for kind, count in counts.items())


def _where(tensor: TensorSpec, input_hw: tuple[int, int]) -> str:
    if len(tensor.shape) != 4:
        return str(tensor)
    power = halvings(input_hw, tensor.shape[2:])
    stride = "" if power is None else f"stride {2**power} · "
    return stride + _size((tensor.shape[2], tensor.shape[3]))


def _size(hw: tuple[int, int]) -> str:
    return format_size(hw).replace("x", "×")
