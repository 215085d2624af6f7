"""Pictures as SVG text: shapes in, a self-contained file out, in light and in dark."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
EM = 0.56
"""Mean width of a character over the font's size: text is fitted without measuring it."""

_LIGHT = {
    "page": "fill:#ffffff",
    "card": "fill:#f3f5f8;stroke:#d8dee6",
    "ink": "fill:#1c232e",
    "muted": "fill:#5a6574",
    "line": "stroke:#c3cbd6",
    "plain": "fill:#ffffff;stroke:#8793a3",
}
_DARK = {
    "page": "fill:#11151b",
    "card": "fill:#1a2029;stroke:#2f3946",
    "ink": "fill:#e8ecf2",
    "muted": "fill:#9ba6b5",
    "line": "stroke:#414c5b",
    "plain": "fill:#222a35;stroke:#76828f",
}
_SHARED = {  # white text on each of these has a contrast of 4.5 or more
    "stem": "fill:#6b7685",
    "k1": "fill:#4b7a35",
    "k3": "fill:#2e6db4",
    "k5": "fill:#1a7a8c",
    "k7": "fill:#23417c",
    "op": "fill:#6a4fb3",
    "d2": "fill:#b5590f",
    "d3": "fill:#a8327c",
    "dn": "fill:#7d2b2b",
    "neck": "fill:#1a7568",
    "rpn": "fill:#5f57a6",
    "head": "fill:#4a6078",
    "on": "fill:#ffffff",
    "accent": "fill:#d0562b",
    "outline": "fill:none;stroke:#ffffff",
    "marker": "fill:none;stroke:#3fd0c9",
}
_TEXT = {"s": 9, "m": 11, "l": 15}


class SvgCanvas:
    """Collect shapes; every shape names classes of the house's style instead of colours.

    Equal calls give equal text. Lengths are in pixels.

    Attributes:
        width: Of the page, widened to what is drawn.
        height: Likewise.
    """

    def __init__(self) -> None:
        self.width = 0.0
        self.height = 0.0
        self._shapes: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, style: str, radius: float = 3
    ) -> None:
        """Draw a rectangle with round corners."""
        box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        self._add(f'<rect class="{style}" {box} rx="{_n(radius)}"/>', x + width, y + height)

    def text(
        self, x: float, y: float, text: str, style: str = "ink m", anchor: str = "start"
    ) -> None:
        """Write one line; ``y`` is the letters' middle, ``style`` holds a size: s, m or l."""
        place = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
        words = f'<text class="{style}" {place} dy="0.35em">{escape(text)}</text>'
        size = next(value for name, value in _TEXT.items() if name in style.split())
        wide = len(text) * size * EM
        self._add(words, x + {"start": wide, "middle": wide / 2, "end": 0}[anchor], y + size)

    def polygon(self, points: list[tuple[float, float]], style: str) -> None:
        """Draw a filled polygon."""
        corners = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        right, low = max(x for x, _ in points), max(y for _, y in points)
        self._add(f'<polygon class="{style}" points="{corners}"/>', right, low)

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str = "line") -> None:
        """Draw a line."""
        ends = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
        self._add(f'<line class="{style}" {ends}/>', max(x1, x2), max(y1, y2))

    def image(self, x: float, y: float, width: float, height: float, png: str, about: str) -> None:
        """Place a picture given as the base64 text of a PNG file."""
        box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        source = f'href="data:image/png;base64,{png}" preserveAspectRatio="none"'
        shape = f"<image {box} {source}><title>{escape(about)}</title></image>"
        self._add(shape, x + width, y + height)

    def finish(self, title: str, description: str, margin: float = 16) -> str:
        """Return the file; ``title`` and ``description`` are for readers that cannot see it."""
        width, height = _n(self.width + margin), _n(self.height + margin)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(title)}>'
        )
        about = f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>"
        page = '<rect class="page" width="100%" height="100%" rx="8"/>'
        return "\n".join([head, about, _style(), page, *self._shapes, "</svg>", ""])

    def _add(self, shape: str, right: float, low: float) -> None:
        self._shapes.append(shape)
        self.width, self.height = max(self.width, right), max(self.height, low)


def text_width(text: str, size: str = "m") -> float:
    """Return how wide a line is, about, in pixels."""
    return len(text) * _TEXT[size] * EM


def fit_text(text: str, width: float, size: str = "m") -> str:
    """Shorten a line to a width in pixels, with an ellipsis where something is left out.

    Example:
        >>> fit_text("FasterRCNN-R50-FPN", 80)
        'FasterRCNN-…'
    """
    room = int(width / (_TEXT[size] * EM))
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def _style() -> str:
    rules = _rules({**_LIGHT, **_SHARED})
    sizes = "".join(f".{name}{{font-size:{size}px}}" for name, size in _TEXT.items())
    dark = f"@media (prefers-color-scheme:dark){{{_rules(_DARK)}}}"
    return f"<style>text{{font-family:{FONT}}}.bold{{font-weight:600}}{sizes}{rules}{dark}</style>"


def _rules(styles: dict[str, str]) -> str:
    return "".join(f".{name}{{{style}}}" for name, style in styles.items())


def _n(value: float) -> str:
    """Write a length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
