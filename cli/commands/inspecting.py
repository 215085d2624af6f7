"""Look into what was made: ``bundle show``, ``check``, ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..exits import exit_unless
from ..options import Bundle, Json, to_file
from ..printing import emit


def bundle_show(bundle: Bundle, json_: Json = False) -> None:
    """Check a bundle's hashes; show its verdicts, engine, AP, milliseconds and files.

    Example: `detfit bundle show bundle`
    """
    from export import describe_bundle

    emit(describe_bundle(bundle), json_)


def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="ONNX file.")],
    tensorrt: Annotated[str, typer.Option(help="Release: 8.4 to 8.6, 9, 10.0 to 10.16, 11.x.")],
    precision: Annotated[
        str, typer.Option(help="Precision: fp32, or fp16 for its hazards too.")
    ] = "fp32",
    fix: Annotated[
        bool, typer.Option("--fix", help="Write a repaired copy to -o; say what remains.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", dir_okay=False, help="Repaired copy to write, with --fix."),
    ] = None,
    json_: Json = False,
) -> None:
    """Say whether TensorRT would parse and run a graph; needs neither it nor a GPU.

    Exit code 1 if not. Every repair is proven: onnxruntime gives the same outputs.

    Example: `detfit check model.onnx --tensorrt 8.6 --fix -o fixed.onnx`
    """
    from export import check_onnx, fix_onnx

    if fix != (output is not None):
        raise UsageError("--fix and -o go together: --fix -o fixed.onnx")
    if output is None:
        report: Any = check_onnx(model, tensorrt, precision)
    else:
        report = fix_onnx(model, output, tensorrt, precision)
    emit(report.to_dict(), json_, report.to_dict() | {"findings": report.lines()})
    exit_unless(report.passed)


def report(
    source: Annotated[Path, typer.Argument(metavar="RUN|BUNDLE|TABLE")],
    output: Annotated[Path, to_file("HTML file.")] = Path("report.html"),
    predictor: Annotated[
        Path | None, typer.Option("-t", "--predictor", help="For a table: predict its detectors.")
    ] = None,
    tensorrt: Annotated[
        list[str] | None,
        typer.Option(
            help="For a bundle: check it for this release instead of 8.6, 10.4, 11.x; repeatable."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Write one self-contained HTML file about a run, a bundle or a table.

    Example: `detfit report run -o report.html`
    """
    from export import report_of

    artifact = report_of(source, output, predictor, tuple(tensorrt or ()))
    emit({"path": str(artifact.path), "size_bytes": artifact.size_bytes}, json_)
