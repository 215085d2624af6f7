from dataclasses import replace
from pathlib import Path

import pytest

from export import (
    CheckError,
    ExportRequest,
    ExportResult,
    ReportError,
    check_releases,
    export_detector,
    report_of,
)
from export.report.tensorrt import RELEASES, tensorrt_html, wanted_releases
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


@pytest.mark.parametrize(
    ("engine", "version", "asked", "expected"),
    [
        ("onnxruntime", "1.30.2", (), RELEASES),
        ("onnxruntime", "1.30.2", ("8.5",), ("8.5",)),
        ("tensorrt", "10.3.0", (), ("10.3.0", *RELEASES)),
        ("tensorrt", "10.4.0 (timing cache empty)", ("8.5",), ("10.4.0", "8.5")),
        ("tensorrt", "99.0.1", (), RELEASES),
    ],
)
def test_the_engine_s_own_release_is_among_them(
    engine: str, version: str, asked: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert wanted_releases(engine, version, asked) == expected


def test_a_release_of_two_names_is_one(exported: ExportResult) -> None:
    reports = check_releases(exported.bundle.onnx_path, "fp32", ["10.4.0", "10.4", "10.4.0.26"])
    assert [str(report.target) for report in reports] == ["TensorRT 10.4 fp32"]


def test_an_export_s_report_speaks_of_the_user_s_releases(
    tmp_path: Path, export_request: ExportRequest
) -> None:
    request = replace(export_request, data_dir=None, tensorrt=("8.5", "10.11"))
    page = export_detector(request, tmp_path / "b").bundle.report_path.read_text()
    assert "TensorRT 8.5 fp32" in page
    assert "TensorRT 10.11 fp32" in page
    assert "TensorRT 8.6 fp32" not in page
