"""The command line as a whole: which command has which name, and how a run of it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

import typer

from .commands.certifying import certify
from .commands.converting import convert
from .commands.data import data_check, data_score, data_split
from .commands.demo import demo
from .commands.detecting import detect
from .commands.exporting import export, verify
from .commands.extracting import extract
from .commands.fronts import curve, front
from .commands.inspecting import bundle_show, check, report
from .commands.looking import doctor, show, spaces
from .commands.predicting import evaluate, fit, predict, transfer
from .commands.profiling import profile
from .commands.ranking import rank
from .commands.searching import search
from .commands.tables import (
    table_diff,
    table_export,
    table_import,
    table_merge,
    table_show,
    table_split,
)
from .commands.training import data_shapes, train
from .errors import refuse, user_errors
from .exits import EXIT_INTERRUPTED
from .flattening import flattened
from .printing import say

HELP = "Profile a device, search a detector under a latency budget, export a verified engine."
INTERRUPTED = (
    "interrupted; what is finished is saved: the same command goes on with it, given --resume "
    "where it takes that"
)

Commands = Mapping[str, Callable[..., None]]

# In the order of the help: what one does first comes first.
COMMANDS: Commands = {
    "doctor": doctor,
    "spaces": spaces,
    "show": show,
    "profile": profile,
    "fit": fit,
    "transfer": transfer,
    "evaluate": evaluate,
    "predict": predict,
    "search": search,
    "front": front,
    "certify": certify,
    "curve": curve,
    "rank": rank,
    "train": train,
    "extract": extract,
    "convert": convert,
    "export": export,
    "check": check,
    "verify": verify,
    "detect": detect,
    "report": report,
    "demo": demo,
}
GROUPS: Mapping[str, tuple[str, Commands]] = {
    "table": (
        "Show, merge, compare, convert latency tables.",
        {
            "show": table_show,
            "merge": table_merge,
            "diff": table_diff,
            "import": table_import,
            "export": table_export,
            "split": table_split,
        },
    ),
    "data": (
        "Make, check and split data sets; score on them.",
        {
            "shapes": data_shapes,
            "check": data_check,
            "split": data_split,
            "score": data_score,
        },
    ),
    "bundle": ("Look at exported bundles.", {"show": bundle_show}),
}


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; bad input ends in one line and exit code 2.

    Args:
        args: What follows ``detfit``; the process's own arguments if left out.

    Raises:
        SystemExit: Always, with the exit code.
    """
    try:
        code = make_app()(args=args, prog_name="detfit", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except Exception as error:
        if not isinstance(error, user_errors()):
            raise
        code = refuse(error)
    if code == EXIT_INTERRUPTED:
        say(INTERRUPTED)
    sys.exit(code)


def make_app() -> typer.Typer:
    """Return the application with all commands."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        help=HELP,
    )
    _register(app, COMMANDS)
    for name, (text, commands) in GROUPS.items():
        group = typer.Typer(no_args_is_help=True, help=text)
        _register(group, commands)
        app.add_typer(group, name=name)
    return app


def _register(app: typer.Typer, commands: Commands) -> None:
    for name, command in commands.items():
        app.command(name)(flattened(command))
