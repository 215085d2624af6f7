"""Whether a folder's run may be begun, or gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import JournalError, RunError
from .config import RUN_FILE, RunConfig
from .database import JOURNAL_FILE


def agreed(folder: Path, config: RunConfig, resume: bool) -> RunConfig:
    """Return the configuration to go on with, or say why the folder cannot be used.

    Raises:
        RunError: The folder holds a run and ``resume`` is off, or the run was begun otherwise.
        JournalError: The folder's files are damaged or not whole.
    """
    if not (folder / RUN_FILE).exists():
        if (folder / JOURNAL_FILE).exists():
            raise JournalError(f"{folder} holds {JOURNAL_FILE} but no {RUN_FILE}; use another -o")
        return config
    if not resume:
        raise RunError(
            f"{folder} already holds a search run; go on with --resume, or choose another -o"
        )
    return _resumed(folder, config)


def _resumed(folder: Path, config: RunConfig) -> RunConfig:
    recorded = RunConfig.load(folder)
    for field, theirs, mine in recorded.differences(config):
        raise RunError(
            f"{folder} was begun with {field} = {theirs!r}, now it is {mine!r}; resume with the "
            "same settings, or choose another -o"
        )
    if config.evals < recorded.evals:
        raise RunError(
            f"{folder} was begun with evals = {recorded.evals}, now it is {config.evals}; "
            "a run can be made longer, not shorter"
        )
    return replace(recorded, evals=config.evals)
