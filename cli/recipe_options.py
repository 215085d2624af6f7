"""Options of a training by a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from .options import each_once

LIST = "list"


@dataclass(frozen=True, slots=True)
class RecipeOptions:
    """Which of the papers' procedures, and what is done otherwise."""

    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A paper's procedure; `--recipe list` names them."),
    ] = None
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another value of the recipe's; the space's options are --option. Repeatable.",
        ),
    ] = None
    start: Annotated[
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

    def asked(self, flags: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that replace the recipe's.

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

    def require_recipe(self) -> None:
        """Refuse what only a recipe gives a meaning.

        Raises:
            typer.BadParameter: There is such an option.
        """
        if self.changes or self.start or self.dry_run or not self.measure:
            raise typer.BadParameter(
                "--set, --weights, --dry-run and --no-measure go with --recipe NAME."
            )
