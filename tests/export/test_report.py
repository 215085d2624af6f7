import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from export import (
    Accuracy,
    AccuracyRow,
    AgreementMark,
    Front,
    FrontMark,
    MeasuredLatency,
    ModuleShare,
    ParityReport,
    PredictedLatency,
    ReportData,
    ReportError,
    Sample,
    judge,
    report_html,
    write_report,
)
from searchspaces import sha256_of_file

EVIL = "<script>alert(\"1\")</script> & 'quoted' </title>"
VOID = {"meta", "img", "br", "hr", "input", "link"}
SECTIONS = (
    "Verdict",
    "Front",
    "Predicted against measured",
    "Where the time goes",
    "Accuracy",
    "Detections",
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
        self.text: list[str] = []
        self._script = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.ids += [values["id"] or ""] if "id" in values else []
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
def full(
    make_accuracy: Callable[..., Accuracy],
    make_predicted: Callable[..., PredictedLatency],
    make_measured: Callable[..., MeasuredLatency],
    make_parity: Callable[..., ParityReport],
) -> ReportData:
    return ReportData(
        title=EVIL,
        subject=EVIL,
        verdict=judge(
            parity=make_parity(),
            accuracy=make_accuracy(40.0, 30.0, (9.0, 11.0)),
            measured=make_measured(unstable=(EVIL,)),
            predicted=make_predicted(),
            budget_ms=7.0,
        ),
        predicted=make_predicted(breakdown=(ModuleShare(EVIL, EVIL, 1.0),)),
        measured=make_measured(),
        budget_ms=7.0,
        front=Front(
            (
                FrontMark(EVIL, 5.0, 30.0),
                FrontMark("b", 6.0, 25.0, dominated=True),
                FrontMark("c", 6.5, 35.0, chosen=True),
            ),
            "AP50",
            7.0,
            failed=2,
        ),
        agreement=(AgreementMark(EVIL, 5.0, 5.1), AgreementMark("b", 6.0, 5.9, EVIL)),
        accuracy=Accuracy(
            EVIL,
            4,
            ("a",),
            (AccuracyRow(EVIL, 40.0, None), AccuracyRow("AP50", 60.0, 59.0, (0.5, 1.5))),
        ),
        parity=make_parity(orphans=(EVIL,)),
        samples=(Sample(EVIL, b"\xff\xd8jpeg"),),
        provenance=((EVIL, EVIL),),
        commands=(EVIL, "detfit demo"),
    )


def test_everything_is_shown(full: ReportData) -> None:
    page = Page(report_html(full))
    assert tuple(page.headings) == SECTIONS
    assert {"front", "agreement", "breakdown"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    for text in (
        "FAIL",
        "6.00 ms",
        "6.10 ms",
        "drop +10.00 points",
        "2 evaluations failed",
        "99.5%",
    ):
        assert text in page.words
    assert page.resources == ["data:image/jpeg;base64,/9hqcGVn"]


def test_an_empty_report_says_what_is_missing() -> None:
    text = report_html(ReportData(title="t", subject="s"))
    page = Page(text)
    assert tuple(page.headings) == SECTIONS
    for remark in (
        "Nothing was exported",
        "No search",
        "No whole detector",
        "No latency was predicted",
        "Accuracy was not measured",
        "No images",
        "Nothing is recorded",
        "No command lines",
    ):
        assert remark in page.words
    assert "Plotly.newPlot" not in text
    assert len(text) < 50_000, "without charts the page needs no plotly"


def test_text_from_outside_is_escaped(full: ReportData) -> None:
    text = report_html(full)
    page = Page(text)
    assert EVIL not in text
    assert '<script>alert("1")' not in text
    assert page.words.count(" ".join(EVIL.split())) >= 8
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
    assert all(resource.startswith("data:") for resource in page.resources)
    assert not re.search(r"<script[^>]*\ssrc=", text)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style
    assert text.count("<script>/**\n* plotly.js") <= 1


def test_figures_are_read_back_as_plotly_figures(full: ReportData) -> None:
    import plotly.graph_objects as go

    page = Page(report_html(full))
    assert set(page.json) == {"front-data", "agreement-data", "breakdown-data"}
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
