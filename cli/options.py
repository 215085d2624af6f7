"""Options that several commands share, each an alias; how a value is checked before the work."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer


def positive(value: float | None) -> float | None:
    """Refuse what is not above 0.

    Raises:
        typer.BadParameter: If it is not; NaN is not, either.
    """
    if value is not None and not value > 0:
        raise typer.BadParameter(f"{value:g} is not above 0.")
    return value


def all_positive(values: list[float] | None) -> list[float] | None:
    """Refuse a list that holds what is not above 0.

    Raises:
        typer.BadParameter: If it does.
    """
    for value in values or ():
        positive(value)
    return values


def each_once(option: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return what was given by name; of two values of one name, one would go unheeded.

    Args:
        option: That names and values were given by, as it is written.
        pairs: Names and values, in that order.

    Raises:
        typer.BadParameter: A name is given twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise typer.BadParameter(f"{option} gives {name} twice; give it once.")
        found[name] = value
    return found


def svg(path: Path | None) -> Path | None:
    """Refuse before the work what could not be written, or would be mistaken, after it.

    Raises:
        typer.BadParameter: If the name does not end in .svg or the folder does not exist.
    """
    if path is not None and path.suffix.lower() != ".svg":
        raise typer.BadParameter(f"'{path}' does not end in .svg, the only format of pictures.")
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise typer.BadParameter(f"'{path}' is a folder or in a folder that does not exist.")
    return path


def to_file(what: str) -> Any:
    """Return the option ``-o`` of a command that writes a file."""
    return typer.Option("-o", "--output", dir_okay=False, help=what)


def to_folder(what: str) -> Any:
    """Return the option ``-o`` of a command that writes a folder."""
    return typer.Option("-o", "--output", file_okay=False, help=what)


Json = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random.")]
Device = Annotated[str, typer.Option(help="Device: cpu or cuda:0.")]

Space = Annotated[str, typer.Option("--space", help="Search space; `detfit spaces` lists them.")]
Input = Annotated[str | None, typer.Option("--input", help="Network input as WIDTHxHEIGHT.")]

Engine = Annotated[str, typer.Option(help="Engine; `detfit doctor` lists them.")]
EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine-option",
        metavar="NAME=VALUE",
        help="How the engine builds, `detfit doctor` lists what each takes; repeatable.",
    ),
]
Precision = Annotated[str, typer.Option(help="Precision: fp32, fp16 or int8.")]
SimulatedPrecision = Annotated[
    str | None, typer.Option(help="Precision of a simulated device: fp32, fp16 or int8.")
]
Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Images per run.")]
Threads = Annotated[int, typer.Option(min=1, max=1024, help="CPU threads of the engine.")]

Resource = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Nodes of the cluster offer the device as detfit-device-KIND.",
    ),
]
Seconds = Annotated[
    float, typer.Option(callback=positive, help="At most so many seconds per measurement.")
]
Exploratory = Annotated[bool, typer.Option(help="Go on on a busy machine; every row says so.")]
FittedOrSimulated = Annotated[
    Path,
    typer.Option("-t", "--predictor", help="Fitted predictor, or simulated:DEVICE[:ENGINE]."),
]
OptionalPredictor = Annotated[
    Path | None,
    typer.Option(
        "-t",
        "--predictor",
        help="Fitted predictor, or simulated:DEVICE[:ENGINE]; without one, --count is the cost.",
    ),
]
Budget = Annotated[
    float | None, typer.Option("--budget-ms", callback=positive, help="Latency budget.")
]

Budgets = Annotated[
    list[float] | None,
    typer.Option(
        "--budget-ms", callback=all_positive, help="Latency budget; repeatable with crnas."
    ),
]

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder laid out as COCO, VOC or BDD; to classify, a folder for each class."
    ),
]
RequiredData = Annotated[Path, typer.Option("--data", help="Folder laid out as COCO, VOC or BDD.")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Take only so many images, the first ones.")
]

Target = Annotated[str, typer.Argument(metavar="ARCH|RUN", help="space:code, or a run.")]
Table = Annotated[Path, typer.Argument(help="Latency table.")]
Tables = Annotated[list[Path], typer.Argument(help="Tables of one device and protocol.")]
Bundle = Annotated[Path, typer.Argument(help="Folder of a bundle.")]
