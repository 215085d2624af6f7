"""A report of whatever a path holds: a bundle, a search run or a latency table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from latency import load_predictor, read_table
from search import load_result

from ..bundle.bundle import Bundle, load_bundle
from ..bundle.integrity import MANIFEST
from ..bundle.place import refuse_inside_bundle
from ..errors import ReportError
from ..records.engine import Artifact
from .data import ReportData
from .page import write_page, write_report
from .runs import run_report, table_report
from .sections import TENSORRT, replace_section
from .tensorrt import check_releases, tensorrt_html

RUN_FILE = "run.json"


def report_of(
    source: str | Path,
    output: str | Path,
    predictor: Path | None = None,
    tensorrt: Sequence[str] = (),
) -> Artifact:
    """Write the report of a bundle, a run or a table.

    A bundle's report is the one that it holds: with the front it was chosen from and the
    pictures it was verified on.

    Args:
        source: A bundle's folder, a run's folder, or a table file.
        output: The HTML file.
        predictor: For a table: predicts its whole detectors beside their measurements.
        tensorrt: For a bundle: check its graph for these releases of TensorRT instead of those
            that it was checked for when it was exported.

    Raises:
        ReportError: The path holds none of these, or an option is given that it does not take.
        BundleError: The HTML file would lie in a bundle.
        ExportError: It does, but it is damaged; likewise the errors of the other rooms.
    """
    source, output = Path(source), Path(output)
    if source.is_file() and output.resolve() == source.resolve():
        raise ReportError(f"the report would replace {source} itself; name another file by -o")
    refuse_inside_bundle(output.parent)
    if predictor is not None and source.is_dir():
        raise ReportError(f"a predictor goes with a latency table, but {source} is a folder")
    if (source / MANIFEST).is_file():
        return write_page(output, _page(load_bundle(source, check_machine=False), tensorrt))
    if tensorrt:
        raise ReportError(f"releases of TensorRT go with a bundle, but {source} is none")
    return write_report(output, _data(source, predictor))


def _page(bundle: Bundle, tensorrt: Sequence[str]) -> str:
    page = bundle.report_path.read_bytes().decode()
    if not tensorrt:
        return page
    reports = check_releases(bundle.onnx_path, bundle.engine.precision, tensorrt)
    return replace_section(page, TENSORRT, tensorrt_html(reports))


def _data(source: Path, predictor: Path | None) -> ReportData:
    if (source / RUN_FILE).is_file():
        return run_report(load_result(source))
    if source.is_file():
        return table_report(
            read_table(source), None if predictor is None else load_predictor(predictor)
        )
    raise ReportError(
        f"{source} holds nothing to report on; name a search run, a bundle or a latency table"
    )
