"""Use a bundle: ``detect``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..exits import exit_unless
from ..options import Bundle, Json, to_folder
from ..printing import emit
from ..progress import shown_progress


def detect(
    bundle: Bundle,
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    output: Annotated[Path, to_folder("Folder for drawings.")] = Path("detections"),
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Least score that is drawn; the bundle's own if left out."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="Engine to run the ONNX model; the bundle's own if left out."),
    ] = None,
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="Run it also where no certificate of the bundle holds."),
    ] = False,
    json_: Json = False,
) -> None:
    """Detect objects in photographs and draw their boxes; exit code 1 if one cannot be read.

    Example: `detfit detect bundle photo.jpg -o drawn`
    """
    from export import detect_files

    with shown_progress() as progress:
        results = detect_files(
            bundle,
            images,
            output,
            score_threshold=threshold,
            engine=engine,
            verified_only=not unverified,
            progress=progress,
        )
    emit([result.to_dict() for result in results], json_, _detections_view(results))
    exit_unless(not any(result.error for result in results))


def _detections_view(results: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "image": str(result.image),
            "objects": [f"{item.label} {item.score:.2f}" for item in result.objects],
            "drawn": result.error or str(result.drawn),
        }
        for result in results
    ]
