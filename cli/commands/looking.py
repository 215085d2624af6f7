"""Look at what there is: engines and devices, search spaces, architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..groups import DetectorOptions
from ..options import Json, svg
from ..printing import compact, emit
from ..progress import shown_progress

if TYPE_CHECKING:
    from searchspaces import DetectorSpec


def doctor(json_: Json = False) -> None:
    """Say which engines work here, what the device is, and what makes its timing unstable.

    Simulated devices, for `predict -t` and `search -t`, are listed at the end.

    Example: `detfit doctor --json`
    """
    from engines import diagnose
    from latency import describe_devices

    fields = {**diagnose(), "simulated": describe_devices()}
    emit(fields, json_, {**fields, "simulated": [row["name"] for row in fields["simulated"]]})


def spaces(
    name: Annotated[str | None, typer.Argument(help="One space; all if left out.")] = None,
    json_: Json = False,
) -> None:
    """List the search spaces with their exact sizes.

    Example: `detfit spaces detnas-small`
    """
    from searchspaces import describe_spaces

    rows = describe_spaces(name)
    view = [{"name": row["name"], "size": f"{row['size']:,}"} for row in rows]
    emit(rows, json_, view if name is None else {**rows[0], **view[0]})


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """What is drawn beside the figures."""

    draw: Annotated[
        Path | None, typer.Option(callback=svg, help="Sketch all side by side (.svg).")
    ] = None
    receptive_field: Annotated[
        Path | None,
        typer.Option(callback=svg, help="Effective receptive field of every level (.svg)."),
    ] = None
    weights: Annotated[
        Path | None, typer.Option(help="Trained weights for the receptive field; else random.")
    ] = None


def show(
    archs: Annotated[list[str], typer.Argument(help="space:code or zoo:NAME ...")],
    *,
    detector: DetectorOptions,
    elementwise: Annotated[
        bool, typer.Option(help="Add normalisation and activation to the MACs, as papers do.")
    ] = False,
    pictures: PictureOptions,
    json_: Json = False,
) -> None:
    """Decode architectures: modules, multiply-adds per part, parameters, pictures.

    Example: `detfit show detnas-small:2120-2112-33130031-3132 --input 800x600`

    A published model: `detfit show zoo:E3 --elementwise`

    For training from scratch: `detfit show zoo:E3 --option norm=gn_ws`

    Pictures: `detfit show zoo:FasterRCNN-R50-FPN zoo:CR-ResNet50 --draw sketch.svg`
    """
    from searchspaces import describe_detector, parse_arch

    if pictures.weights and not pictures.receptive_field:
        raise typer.BadParameter("--weights is for --receptive-field, which is missing.")
    options = detector.to_space_options()
    found = [parse_arch(arch, **options) for arch in archs]
    rows = [describe_detector(*each, elementwise=elementwise) for each in found]
    _write_pictures(
        pictures,
        [(name, space.detector(arch)) for name, (space, arch) in zip(archs, found, strict=True)],
    )
    if len(rows) == 1:
        emit(rows[0], json_, _detector_view(rows[0]))
    else:
        emit(rows, json_, [_detector_row(fields) for fields in rows])


def _write_pictures(
    pictures: PictureOptions, detectors: Sequence[tuple[str, DetectorSpec]]
) -> None:
    from searchspaces import draw_architectures, write_atomically

    if pictures.draw:
        write_atomically(pictures.draw, draw_architectures(detectors).encode())
    if pictures.receptive_field:
        from detection import picture_receptive_fields

        with shown_progress() as progress:
            picture = picture_receptive_fields(detectors, pictures.weights, progress)
        write_atomically(pictures.receptive_field, picture.encode())


def _detector_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line of a comparison: multiply-adds by part."""
    from searchspaces import format_size

    macs = {part: compact(count) for part, count in fields["macs"].items()}
    return {
        "arch": fields["arch"],
        "input": format_size(fields["input_hw"]),
        **macs,
        "params": compact(fields["params"]),
    }


def _detector_view(fields: Mapping[str, Any]) -> dict[str, Any]:
    from searchspaces import format_size

    return {
        "arch": fields["arch"],
        **{name: fields[name] for name in ("code", "options", "published") if name in fields},
        "input": format_size(fields["input_hw"]),
        "parameters": compact(fields["params"]),
        "MACs": {part: compact(macs) for part, macs in fields["macs"].items()},
        "modules": [
            {
                "kind": f"{row['kind']} {row['variant']}",
                "part": row["part"],
                "input": row["inputs"][0] + (" ..." if row["inputs"][1:] else ""),
                "count": row["count"],
                "MACs": compact(row["macs"]),
            }
            for row in fields["modules"]
        ],
    }
