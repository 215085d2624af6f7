"""Options of trainings by a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from .options import each_once

LIST = "list"


@dataclass(frozen=True, slots=True)
class ProcedureOptions:
    """Which of the papers' procedures, and what is done otherwise."""

    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="A paper's procedure; `detfit train --recipe list` names them."
        ),
    ] = None
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting by name, such as ema_decay=0.9998, epochs=12 or split=archtrain; a "
            "wrong name lists all. The space's options are --option. Repeatable.",
        ),
    ] = None

    def asked(self, flags: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that were asked for.

        Args:
            flags: Settings by name that options of their own gave.

        Raises:
            SearchSpaceError: One is not written KEY=VALUE.
            typer.BadParameter: One is given twice.
        """
        from searchspaces import parse_option

        changes = each_once("--set", map(parse_option, self.changes or ()))
        twice = sorted(changes.keys() & flags.keys())
        if twice:
            raise typer.BadParameter(
                f"--set {twice[0]} and an option of its own say the same; give one."
            )
        return {**flags, **changes}


@dataclass(frozen=True, slots=True)
class RecipeOptions(ProcedureOptions):
    """A training by a recipe: where it begins, and whether it is only planned."""

    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",  # torchrun would take --start for its own
            metavar="FILE",
            help="Where to start: a weights file, imagenet (torchvision's) or scratch.",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole plan and train nothing.")
    ] = False
    measure: Annotated[
        bool, typer.Option(help="In a dry run, time a step at its real size here.")
    ] = True

    @property
    def lists(self) -> bool:
        """Return whether the recipes are asked for."""
        return self.recipe == LIST

    def require_recipe(self) -> None:
        """Refuse what only a recipe gives a meaning.

        Raises:
            typer.BadParameter: There is such an option.
        """
        if self.weights or self.dry_run or not self.measure:
            raise typer.BadParameter(
                "--weights, --dry-run and --no-measure go with --recipe NAME."
            )
