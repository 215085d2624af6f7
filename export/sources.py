"""A report of whatever a path holds: a bundle, a search run or a latency table."""

from __future__ import annotations

from pathlib import Path

from latency import load_predictor, read_table
from search import load_result

from .bundle import load_bundle
from .errors import ReportError
from .records import Artifact
from .report import write_report
from .report_data import ReportData
from .report_sources import bundle_report, run_report, table_report

RUN_FILE, MANIFEST_FILE = "run.json", "manifest.json"


def report_of(source: str | Path, output: str | Path, predictor: Path | None = None) -> Artifact:
    """Write the report of a bundle, a run or a table.

    Args:
        source: A bundle's folder, a run's folder, or a table file.
        output: The HTML file.
        predictor: For a table: predicts its whole detectors beside their measurements.

    Raises:
        ReportError: The path holds none of these.
        ExportError: It does, but it is damaged; likewise the errors of the other rooms.
    """
    return write_report(output, _data(Path(source), predictor))


def _data(source: Path, predictor: Path | None) -> ReportData:
    if (source / RUN_FILE).is_file():
        return run_report(load_result(source))
    if (source / MANIFEST_FILE).is_file():
        return bundle_report(load_bundle(source, check_machine=False))
    if source.is_file():
        return table_report(
            read_table(source), None if predictor is None else load_predictor(predictor)
        )
    raise ReportError(
        f"{source} holds nothing to report on; name a search run, a bundle or a latency table"
    )
