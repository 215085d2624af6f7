import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from export import (
    Accuracy,
    ReportData,
    ReportError,
    report_html,
    write_report,
)
from export.report.sections import CERTIFICATES, replace_section
from searchspaces import sha256_of_file

from .full_report import CHARTS, EVIL, full_report

VOID = {"meta", "img", "br", "hr", "input", "link"}
SECTIONS = (
    "Verdict",
    "Front",
    "Beside published models",
    "Where the front came from",
    "What goes with what",
    "Accuracy",
    "Precision",
    "Where the time goes",
    "Predicted against measured",
    "Detections",
    "TensorRT",
    "Certificates",
    "Where the numbers come from",
    "Commands",
)


class Page(HTMLParser):
    """Check that elements are closed in order, and collect what the page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.headings: list[str] = []
        self.resources: list[str] = []
        self.tags: list[str] = []
        self.json: dict[str, str] = {}
        self.scopes: list[str] = []
        self.alts: list[str] = []
        self.roles: list[str] = []
        self.text: list[str] = []
        self._script = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.scopes += [values["scope"] or ""] if "scope" in values else []
        self.alts += [values["alt"] or ""] if "alt" in values else []
        self.roles += [values["role"] or ""] if "role" in values else []
        self.resources += [values[key] or "" for key in ("src", "href") if key in values]
        self._script = values.get("id") or "" if values.get("type") == "application/json" else ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script" and self._script:
            self.json[self._script] = data
        elif inside == "h2":
            self.headings.append(data)
        if inside not in ("script", "style"):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def full() -> ReportData:
    return full_report()


def test_everything_is_shown(full: ReportData) -> None:
    page = Page(report_html(full))
    assert tuple(page.headings) == SECTIONS
    assert {f"{name}-chart" for name in CHARTS} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    for text in (
        "FAIL",
        "6.00 ms",
        "6.10 ms",
        "drop +10.00 points",
        "2 evaluations failed",
        "27.10 COCO AP as its paper prints",
        "5.000 to 7.500",
        "the longest line over 1 generation.",
        "+0.50",
        "99.5%",
        "-1.00",
        "-1.50 to -0.50",
        "and 1 more",
        "TensorRT 11.1 fp32",
        "no layer of it was seen",
        "Searched for the fewest of 8 nodes",
        "int8 (delivered)",
    ):
        assert text in page.words
    pictures = [resource for resource in page.resources if not resource.startswith("#")]
    assert pictures == [
        "data:image/jpeg;base64,/9hqcGVn",
        "data:image/jpeg;base64,/9hnZXBq",
    ]
    links = [resource[1:] for resource in page.resources if resource.startswith("#")]
    assert len(links) == len(SECTIONS)
    assert set(links) <= set(page.ids)


def test_an_empty_report_says_what_is_missing() -> None:
    text = report_html(ReportData(title="t", subject="s"))
    page = Page(text)
    assert page.headings == []
    missing = page.words[page.words.index("Not part of this report") :]
    for section in SECTIONS:
        assert section in missing
    assert "Plotly.newPlot" not in text
    assert len(text) < 50_000, "without charts the page needs no plotly"


def test_text_from_outside_is_escaped(full: ReportData) -> None:
    text = report_html(full)
    page = Page(text)
    assert EVIL not in text
    assert '<script>alert("1")' not in text
    assert page.words.count(" ".join(EVIL.split())) >= 20
    # Plotly reads markup in texts: there it is escaped once more.
    for figure in page.json.values():
        assert "<" not in json.dumps(json.loads(figure)).replace("<br>", "").replace(
            "<extra></extra>", ""
        )


def test_nothing_is_loaded_from_elsewhere(full: ReportData) -> None:
    text = report_html(full)
    page = Page(text)
    assert "link" not in page.tags
    assert "iframe" not in page.tags
    assert all(resource.startswith(("data:", "#")) for resource in page.resources)
    assert not re.search(r"<script[^>]*\ssrc=", text)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style
    assert text.count("<script>/**\n* plotly.js") <= 1


def test_figures_are_read_back_as_plotly_figures(full: ReportData) -> None:
    import plotly.graph_objects as go

    page = Page(report_html(full))
    assert set(page.json) == {f"{name}-chart-data" for name in CHARTS}
    for text in page.json.values():
        figure = json.loads(re.sub(r'"@\w+"', '"#123456"', text))
        go.Figure(figure)  # raises on anything that plotly does not know


def test_every_colour_name_is_defined_for_light_and_dark(full: ReportData) -> None:
    text = report_html(full)
    used = set(re.findall(r'"@(\w+)"', "".join(Page(text).json.values())))
    assert used
    light, dark = text.split("prefers-color-scheme: dark", 1)
    for name in used:
        assert f"--{name}:" in light
        assert f"--{name}:" in dark[: dark.index("</style>")]


def test_accuracy_that_is_not_comparable_says_why() -> None:
    accuracy = Accuracy("photos", 80, note="the data and the detector share no class by name")
    words = Page(report_html(ReportData(title="t", subject="s", accuracy=accuracy))).words
    assert "AP is not comparable: the data and the detector share no class" in words


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    data = ReportData(title="t", subject="s")
    artifact = write_report(tmp_path / "r.html", data)
    assert artifact.sha256 == sha256_of_file(tmp_path / "r.html")
    assert os.listdir(tmp_path) == ["r.html"]
    with pytest.raises(ReportError, match="cannot write"):
        write_report(tmp_path / "missing" / "r.html", data)


def test_equal_data_gives_equal_pages(full: ReportData) -> None:
    assert report_html(full) == report_html(full)


def test_tables_say_what_they_show_and_name_their_rows_and_columns(full: ReportData) -> None:
    page = Page(report_html(full))
    tables = page.tags.count("table")
    assert tables >= 10
    assert page.tags.count("caption") == tables
    assert page.tags.count("thead") == page.tags.count("tbody") == tables
    assert page.scopes.count("row") >= tables
    assert page.scopes.count("col") >= 2 * tables
    assert len(page.scopes) == page.tags.count("th"), "a heading cell without a scope"
    assert page.tags.count("h1") == 1


def test_pictures_and_charts_have_texts(full: ReportData) -> None:
    page = Page(report_html(full))
    assert page.alts == [EVIL, "b"]
    assert page.tags.count("img") == len(page.alts)
    assert len([role for role in page.roles if role == "img"]) == len(CHARTS)


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("background", ["page", "card"])
def test_texts_have_enough_contrast_in_both_themes(theme: int, background: str) -> None:
    text = report_html(ReportData(title="t", subject="s"))
    block = re.findall(r":root \{(.*?)\n *\}", text, re.DOTALL)[theme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for name in ("text", "quiet", "good", "bad", "open", "link"):
        light, dark = sorted((luminance(colours[name]), luminance(colours[background])))[::-1]
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, background)
    for name in ("series1", "series2", "series3", "series4"):  # graphics: WCAG 2, 1.4.11
        light, dark = sorted((luminance(colours[name]), luminance(colours[background])))[::-1]
        assert (light + 0.05) / (dark + 0.05) >= 3.0, (name, background)


def test_a_section_is_replaced_and_the_rest_stays(full: ReportData) -> None:
    before = report_html(full)
    after = replace_section(before, CERTIFICATES, "<p>new</p>")
    page = Page(after)
    assert tuple(page.headings) == SECTIONS
    assert "2026-01-02" not in page.words
    start, end = before.index('<section id="certificates"'), before.index('<section id="proven')
    assert after.startswith(before[:start])
    assert after.endswith(before[end:])
    assert replace_section(after, CERTIFICATES, "<p>new</p>") == after


def test_a_section_that_is_not_there_cannot_be_replaced() -> None:
    page = report_html(ReportData(title="t", subject="s"))
    with pytest.raises(ReportError, match="no section 'tensorrt'"):
        replace_section(page, "tensorrt", "")
