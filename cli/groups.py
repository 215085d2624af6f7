"""Options that belong together in several commands, each group as one dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    Batch,
    Device,
    Engine,
    EngineOption,
    Input,
    Precision,
    Resource,
    Threads,
    each_once,
)

if TYPE_CHECKING:
    from detection import TrainConfig, TrainSettings

USUAL_CLASSES = 80  # of COCO
FLAGS = {
    "num_classes": "--classes",
    "head": "--head",
    "input_hw": "--input",
    "proposals": "--proposals",
}
"""Option of a space -> the flag that says the same."""


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """What a space, or the detector of an architecture, is made with."""

    head: Annotated[
        str | None,
        typer.Option(help="Detector around the backbone where the space offers several: fpn, ..."),
    ] = None
    input_size: Input = None
    classes: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="Classes without background.", show_default=str(USUAL_CLASSES)
        ),
    ] = None
    proposals: Annotated[
        int | None, typer.Option(min=1, help="Boxes given to the second stage, after NMS.")
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="Another option of the space, as in norm=gn_ws; repeatable.",
        ),
    ] = None

    def to_space_options(self) -> dict[str, Any]:
        """Return what a space is made with: what was asked for, and the usual classes.

        Raises:
            typer.BadParameter: Something is given twice.
        """
        return {"num_classes": USUAL_CLASSES} | self.asked()

    def asked(self) -> dict[str, Any]:
        """Return what was asked for, by the names of a space's options.

        Raises:
            typer.BadParameter: Something is given twice.
        """
        from searchspaces import parse_option, parse_size

        size = None if self.input_size is None else parse_size(self.input_size)
        given = {
            "num_classes": self.classes,
            "head": self.head,
            "input_hw": size,
            "proposals": self.proposals,
        }
        named = each_once("--option", map(parse_option, self.option or ()))
        for name, flag in FLAGS.items():
            if name in named and given[name] is not None:
                raise typer.BadParameter(f"{flag} and --option {name} say the same; give one.")
        return {name: value for name, value in given.items() if value is not None} | named


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """What is measured on, and how it builds."""

    engine: Engine = "onnxruntime"
    engine_option: EngineOption = None
    device: Device = "cpu"
    precision: Precision = "fp32"
    batch: Batch = 1
    threads: Threads = 1


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """Where is measured, if not here."""

    workers: Annotated[
        str | None,
        typer.Option(
            metavar="ray[:ADDRESS]",
            help="Measure on a node of a Ray cluster; files are written here.",
        ),
    ] = None
    resource: Resource = None

    @property
    def cluster(self) -> str | None:
        """The address of the cluster; ``None`` for this machine.

        Raises:
            typer.BadParameter: The options do not name one.
        """
        if self.workers is None:
            if self.resource is not None:
                raise typer.BadParameter(
                    "--resource names a device of a cluster; give --workers ray[:ADDRESS], too."
                )
            return None
        if self.workers.partition(":")[0] != "ray":
            raise typer.BadParameter(
                f"one worker measures; --workers is ray or ray:ADDRESS, got '{self.workers}'."
            )
        from search import parse_workers

        return parse_workers(self.workers).cluster


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """What modules whose time depends on their data are timed on."""

    images: Annotated[
        Path | None,
        typer.Option(help="Photographs to record box selection's inputs from; else made scenes."),
    ] = None
    input_sets: Annotated[
        int, typer.Option(min=0, max=1000, help="Recorded inputs to take turns; 0 is noise.")
    ] = 4
    weights: Annotated[
        Path | None, typer.Option(help="Trained weights of a detector to record with.")
    ] = None


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How weights are learnt."""

    steps: Annotated[
        int | None,
        typer.Option(min=1, max=10**9, help="Optimiser steps.", show_default="90000"),
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Images per optimiser step.", show_default="16"),
    ] = None
    lr: Annotated[
        float | None,
        typer.Option("--lr", min=0, help="Learning rate after the warm-up.", show_default="0.02"),
    ] = None
    optimizer: Annotated[
        str | None, typer.Option(help="Optimiser: sgd or adamw.", show_default="sgd")
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            "--data-workers", min=0, help="Processes that read images.", show_default="0"
        ),
    ] = None

    def to_config(self, seed: int, more: Mapping[str, Any] | None = None) -> TrainConfig:
        """Return the same for the loop of a training, with the seed of the command.

        Args:
            seed: Of the command.
            more: Other settings that were asked for.
        """
        return self.to_settings(seed, more).config

    def to_settings(self, seed: int, more: Mapping[str, Any] | None = None) -> TrainSettings:
        """Return the same for ``detection``, checked, with what images they are for.

        Args:
            seed: Of the command.
            more: Other settings that were asked for.
        """
        from detection import resolve_settings

        return resolve_settings({"seed": seed, **self.asked(), **(more or {})})

    def asked(self) -> dict[str, Any]:
        """Return what was asked for, by the names of :class:`detection.TrainConfig`."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class LongTrainingOptions:
    """How a long training computes, and what is known of it on the way."""

    precision: Annotated[
        str | None,
        typer.Option(
            help="Precision: fp32, bf16 or fp16 (CUDA); auto: a GPU's fastest.",
            show_default="auto",
        ),
    ] = None
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Score a detector every so many steps, or epochs where they are counted, too.",
            show_default="at the end",
        ),
    ] = None
    keep_best: Annotated[
        bool,
        typer.Option("--keep-best", help="Leave the weights that scored best, not the last."),
    ] = False
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard, beside log.csv.")
    ] = False

    def asked(self) -> dict[str, Any]:
        """Return what was asked for, by the names of :class:`detection.TrainConfig`."""
        return {name: value for name, value in asdict(self).items() if value}
