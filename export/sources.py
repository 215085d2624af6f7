"""A report of whatever a path holds: a bundle, a search run or a latency table."""

from __future__ import annotations

from pathlib import Path

from latency import load_predictor, read_table
from search import load_result

from .bundle import load_bundle
from .errors import ReportError
from .files import sha256_of, write_atomically
from .records import Artifact
from .report import write_report
from .report_data import ReportData
from .report_sources import run_report, table_report

RUN_FILE, MANIFEST_FILE = "run.json", "manifest.json"


def report_of(source: str | Path, output: str | Path, predictor: Path | None = None) -> Artifact:
    """Write the report of a bundle, a run or a table.

    A bundle's report is the one that it holds: with the front it was chosen from and the
    pictures it was verified on.

    Args:
        source: A bundle's folder, a run's folder, or a table file.
        output: The HTML file.
        predictor: For a table: predicts its whole detectors beside their measurements.

    Raises:
        ReportError: The path holds none of these, or a predictor is given and it is no table.
        ExportError: It does, but it is damaged; likewise the errors of the other rooms.
    """
    source, output = Path(source), Path(output)
    if predictor is not None and source.is_dir():
        raise ReportError(f"a predictor goes with a latency table, but {source} is a folder")
    if (source / MANIFEST_FILE).is_file():
        content = load_bundle(source, check_machine=False).report_path.read_bytes()
        write_atomically(output, content)
        return Artifact(output, sha256_of(content), len(content))
    return write_report(output, _data(source, predictor))


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
