"""Groups of options: a dataclass in a command, single options on the command line."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer

from cli.flattening import flattened
from cli.groups import DetectorOptions, TrainingOptions


@dataclass(frozen=True, slots=True)
class Pair:
    left: Annotated[int, typer.Option("--left", min=0)] = 1
    right: str | None = None


@dataclass(frozen=True, slots=True)
class Other(Pair):
    right: str | None = "r"


def names(command):
    return list(inspect.signature(flattened(command)).parameters)


def test_fields_take_the_place_of_their_group():
    def command(first: str, *, pair: Pair, last: bool = False) -> None: ...

    assert names(command) == ["first", "left", "right", "last"]


def test_what_is_given_reaches_the_group():
    seen = []

    def command(first: str, *, pair: Pair, other: DetectorOptions) -> None:
        """Help."""
        seen.append((first, pair, other.to_space_options()))

    app = typer.Typer()
    app.command()(flattened(command))
    app(["a", "--left", "3", "--classes", "5", "--head", "fpn"], standalone_mode=False)
    assert seen == [("a", Pair(left=3), {"num_classes": 5, "head": "fpn"})]


def test_a_default_may_differ_in_a_derived_group():
    def command(*, pair: Other) -> None: ...

    parameters = inspect.signature(flattened(command)).parameters
    assert {name: each.default for name, each in parameters.items()} == {"left": 1, "right": "r"}


def test_limits_of_a_field_are_kept():
    def command(*, pair: Pair) -> None: ...

    app = typer.Typer()
    app.command()(flattened(command))
    with pytest.raises(typer.BadParameter.__bases__[0], match="0"):
        app(["--left", "-1"], standalone_mode=False)


def test_one_name_in_two_groups_is_refused():
    def command(*, one: Pair, two: Other) -> None: ...

    with pytest.raises(ValueError, match="left"):
        flattened(command)


def test_a_command_without_groups_keeps_its_options():
    def command(first: str, last: bool = False) -> None: ...

    assert names(command) == ["first", "last"]
    assert flattened(command).__name__ == "command"


def test_warm_up_is_short_where_training_is():
    assert TrainingOptions(steps=100).to_config(seed=7).warmup_steps == 10
    assert TrainingOptions(steps=90_000).to_config(seed=7).warmup_steps == 500
    assert TrainingOptions().to_config(seed=7).seed == 7
