"""The pages as a browser draws them: nothing said on the console, nothing asked of the network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export import ExportResult, report_of, write_report

from .browser import Browser, browser
from .full_report import CHARTS as FIGURES, full_report

CHARTS = """
Array.from(document.querySelectorAll('.chart')).map(chart => ({
  drawn: chart.querySelectorAll('svg .trace').length > 0,
  width: chart.getBoundingClientRect().width,
}))
"""
CUT = """
Array.from(document.querySelectorAll('main *')).filter(element => {
  const box = element.getBoundingClientRect();
  return !element.closest('.scroll, pre, svg, .chart') && box.right > innerWidth + 1;
}).map(element => element.outerHTML.slice(0, 80))
"""
SMALL = """
Array.from(document.querySelectorAll('main *')).filter(element =>
  !element.closest('svg, .chart, .unseen')
  && Array.from(element.childNodes).some(node => node.nodeType === 3 && node.data.trim())
  && parseFloat(getComputedStyle(element).fontSize) < 12
).map(element => element.outerHTML.slice(0, 80))
"""
LOOK = f"({{charts: {CHARTS.strip()}, cut: {CUT.strip()}, small: {SMALL.strip()}}})"

TITLES = {
    "Verdict",
    "Accuracy",
    "Where the time goes",
    "Detections",
    "TensorRT",
    "Certificates",
    "Where the numbers come from",
}

REACHED = """
(() => {
  document.querySelectorAll('details').forEach(element => { element.open = true; });
  const order = Array.from(document.querySelectorAll('a, summary, [tabindex="0"]'));
  return order.every(element => { element.focus(); return document.activeElement === element; })
    && order.length;
})()
"""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return write_report(tmp_path / "full.html", full_report()).path


def assert_whole(view: Any) -> None:
    assert view.problems == ()
    assert view.requests == ()
    assert view.scroll_width == view.width
    assert view.found["cut"] == []
    assert view.found["small"] == []
    assert all(chart["drawn"] for chart in view.found["charts"])


def test_a_bundle_s_report(tmp_path: Path, exported: ExportResult, chrome: Browser) -> None:
    path = report_of(exported.bundle.path, tmp_path / "r.html").path
    for view in chrome.look(path, (1280, False), (390, False), (390, True), script=LOOK):
        assert_whole(view)
        names = [node["name"] for node in view.accessible if node["role"] == "heading"]
        assert set(names) >= TITLES
        columns = [node["name"] for node in view.accessible if node["role"] == "columnheader"]
        assert {"torch", "engine", "95 % interval", "p50 ms", "p99 ms"} <= set(columns)
        images = [node["name"] for node in view.accessible if node["role"] == "image"]
        assert sum("torch found" in name for name in images) >= 3
        assert all(images)
        with Image.open(_written(tmp_path, view.screenshot)) as shot:
            background = np.asarray(shot.convert("L"))[5, 5]
            assert shot.width == view.width
        assert (background < 60) == view.dark


def test_every_section_at_once(chrome: Browser, page: Path) -> None:
    for view in chrome.look(page, (390, False), (1280, True), script=LOOK):
        assert_whole(view)
        assert len(view.found["charts"]) == len(FIGURES)


def test_the_keyboard_reaches_everything(chrome: Browser, page: Path) -> None:
    (view,) = chrome.look(page, (1280, False), script=REACHED)
    assert view.found >= 20
    tables = [node for node in view.accessible if node["role"] == "table"]
    assert tables
    assert all(node["name"] for node in tables)


def _written(folder: Path, png: bytes) -> Path:
    path = folder / "shot.png"
    path.write_bytes(png)
    return path
