from pathlib import Path

import pytest

from export import CheckError, ExportResult, ReportError, check_releases, report_of
from export.report.tensorrt import RELEASES, tensorrt_html
from tests.export.report.test_page import Page


def test_every_release_is_checked_once(exported: ExportResult) -> None:
    reports = check_releases(exported.bundle.onnx_path)
    assert len(reports) == len(RELEASES)
    assert [report.target.release[0] for report in reports] == [8, 10, 11]
    twice = check_releases(exported.bundle.onnx_path, "fp16", ["8.6", "8.6"])
    assert [report.target.precision for report in twice] == ["fp16"]
    (int8,) = check_releases(exported.bundle.onnx_path, "int8", ["10.4"])
    assert int8.target.precision == "fp32"


def test_findings_are_listed_release_by_release(exported: ExportResult) -> None:
    reports = check_releases(exported.bundle.onnx_path)
    words = Page(tensorrt_html(reports)).words
    assert "not measured" in words
    for report in reports:
        assert str(report.target) in words
        for finding in report.findings:
            assert finding.rule in words
            assert " ".join(finding.fix.split()) in words


def test_the_user_s_releases_replace_those_of_the_bundle(
    tmp_path: Path, exported: ExportResult
) -> None:
    folder = exported.bundle.path
    own = report_of(folder, tmp_path / "own.html").path.read_text()
    other = report_of(folder, tmp_path / "other.html", tensorrt=("10.9",)).path.read_text()
    assert "TensorRT 8.6 fp32" in own
    assert "TensorRT 10.9 fp32" in other
    assert "TensorRT 8.6 fp32" not in other
    assert Page(own).headings == Page(other).headings


def test_releases_that_nobody_knows_and_sources_without_a_graph_are_refused(
    tmp_path: Path, exported: ExportResult
) -> None:
    with pytest.raises(CheckError, match="7"):
        report_of(exported.bundle.path, tmp_path / "r.html", tensorrt=("7.1",))
    with pytest.raises(ReportError, match="go with a bundle"):
        report_of(tmp_path, tmp_path / "r.html", tensorrt=("8.6",))
    assert list(tmp_path.iterdir()) == []
