"""Everything once, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..exits import exit_unless
from ..options import Budget, Json, to_folder
from ..printing import emit
from ..progress import shown_progress


def demo(
    output: Annotated[Path, to_folder("Folder.")] = Path("demo"),
    budget_ms: Budget = None,
    json_: Json = False,
) -> None:
    """Do everything once on this machine: profile, search, train, export, verify, report.

    Goes on where an earlier demo in the same folder stopped. Exit code 1 if the winner misses its
    budget, its accuracy or its prediction.

    Example: `detfit demo -o demo`
    """
    from export import run_demo

    with shown_progress() as progress:
        result = run_demo(output, budget_ms=budget_ms, progress=progress)
    emit(result.to_dict(), json_)
    exit_unless(result.passed)
