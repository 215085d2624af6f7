"""Pieces of HTML that a report is made of; every text from outside is escaped here."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape

from ..gate.outcome import Outcome

Row = Sequence[str]

CODE = re.compile(r"`([^`]+)`")
NUMBER = re.compile(r"-|[+-]?\d+(\.\d+)?%?")
INTERVAL = re.compile(r"-|[+-]?\d+(\.\d+)? to [+-]?\d+(\.\d+)?")


def section(key: str, title: str, body: str) -> str:
    """Return a section with a heading; the key is its id."""
    return (
        f'<section id="{key}" aria-labelledby="{key}-title">\n'
        f'<h2 id="{key}-title">{escape(title)}</h2>\n{body}\n</section>'
    )


def note(text: str) -> str:
    """Return a remark in place of, or above, a section's content; `code` is set as such."""
    marked = CODE.sub(r"<code>\1</code>", escape(text))
    return f'<p class="note">{marked}</p>'


def table(
    caption: str, heads: Row, rows: Iterable[Row], *, wrap: Sequence[int] = (), show: bool = False
) -> str:
    """Return a table whose first column names the rows; numbers are aligned to the right.

    Args:
        caption: What it shows, for a screen reader and, with ``show``, for all.
        heads: One text per column.
        rows: Texts.
        wrap: Columns of long texts, which break anywhere.
        show: Whether the caption is seen.
    """
    return html_table(
        caption, heads, [[escape(text) for text in row] for row in rows], wrap=wrap, show=show
    )


def html_table(
    caption: str,
    heads: Row,
    rows: Sequence[Row],
    *,
    wrap: Sequence[int] = (),
    show: bool = False,
) -> str:
    """Return such a table of cells that are HTML already."""
    kinds = [_kind(column, rows, wrap) for column in range(len(heads))]
    head = "".join(
        f'<th scope="col"{kind}>{escape(text)}</th>'
        for text, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, kinds)}</tr>\n" for row in rows)
    hidden = "" if show else ' class="unseen"'
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">'
        f"<table>\n<caption{hidden}>{escape(caption)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>"
    )


def details(summary: str, body: str) -> str:
    """Return what is opened by a click or a key."""
    return f"<details><summary>{escape(summary)}</summary>\n{body}\n</details>"


def verdict_word(outcome: Outcome) -> str:
    """Return an outcome in its colour."""
    return f'<strong class="{outcome.name}">{escape(str(outcome))}</strong>'


def picture(jpeg: bytes, alt: str) -> str:
    """Return an embedded photograph; ``alt`` says what is seen on it."""
    data = base64.b64encode(jpeg).decode()
    return f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{data}">'


def points(value: float | None) -> str:
    """Return AP points, a dash where there are none."""
    return "-" if value is None else f"{value:.2f}"


def milliseconds(value: float | None) -> str:
    """Return milliseconds, a dash where they are unknown."""
    return "-" if value is None else f"{value:.3f}"


def _cells(row: Row, kinds: Sequence[str]) -> str:
    first, *others = zip(row, kinds, strict=True)
    head = f'<th scope="row"{first[1]}>{first[0]}</th>'
    return head + "".join(f"<td{kind}>{text}</td>" for text, kind in others)


def _kind(column: int, rows: Sequence[Row], wrap: Sequence[int]) -> str:
    if column in wrap:
        return ' class="wrap"'
    for name, pattern in (("number", NUMBER), ("interval", INTERVAL)):
        if rows and all(pattern.fullmatch(row[column]) for row in rows):
            return f' class="{name}"'
    return ""
