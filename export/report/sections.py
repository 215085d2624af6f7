"""Sections of a written report that change later; the rest of the page stays as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from ..errors import ReportError
from .data import CertificateRow
from .markup import html_table, milliseconds, note, verdict_word

CERTIFICATES, TENSORRT = "certificates", "tensorrt"
"""Ids of the sections that change."""


def certificates_html(rows: Sequence[CertificateRow]) -> str:
    """Return where the engine was verified: elsewhere it does not run without being asked to."""
    if not rows:
        return ""
    cells = [
        (
            escape(row.platform),
            verdict_word(row.outcome),
            escape(row.ap_drop),
            escape(row.f1),
            milliseconds(row.median_ms),
            escape(row.data or "-"),
            escape(row.created),
        )
        for row in rows
    ]
    heads = ("engine and machine", "verdict", "AP lost", "F1", "p50 ms", "verified on", "when")
    text = (
        "One certificate per engine, runtime version and architecture. On any other the bundle "
        "is refused until `detfit verify --certify` has passed there."
    )
    return note(text) + html_table("Certificates", heads, cells, wrap=(0, 5))


def replace_section(page: str, key: str, body: str) -> str:
    """Return a report's page with other content below the heading of a section.

    Raises:
        ReportError: The page has no such section; an older detfit wrote it.
    """
    wanted = re.compile(
        rf'(<section id="{re.escape(key)}"[^>]*>\s*<h2[^>]*>[^<]*</h2>\n).*?(\n</section>)', re.S
    )
    changed, count = wanted.subn(lambda found: found[1] + body + found[2], page)
    if count != 1:
        raise ReportError(f"the report has no section {key!r}; export the bundle again")
    return changed
