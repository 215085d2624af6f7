"""From the structures that stage one found to the space of stage two.

SM-NAS (Yao et al., AAAI 2020): stage one searches which parts a detector has, under measured time;
stage two keeps a structure of its front, with its block type, and searches the blocks of the
backbone and the pyramid's width, under multiply-adds. Candidates of stage two are trained from
scratch, with group normalisation and standardised weights; what is found is trained with batch
normalisation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchspaces import ALIASES

from ..errors import RunError
from ..objectives.latency import SpaceChoice
from ..running.config import RunConfig
from ..running.result import load_result
from .picking import PICKS, pick_levels

STRUCTURAL, MODULAR = "smnas-structural", "smnas-modular"
SEARCHED, TRAINED = "gn_ws", "bn"
"""Normalisation of stage two: while it searches, and of what is trained in the end."""

ORIGIN = "origin"  # among the notes of a run: what its space was chosen by
_PICK = re.compile(r"(?P<run>.+):C(?P<place>[0-9]{1,3})(?:/(?P<count>[0-9]{1,4}))?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Name a structure that was picked of a run of stage one.

    Attributes:
        run: Folder of the run.
        place: Of the pick: 3 for C3.
        count: How many were picked.

    Example:
        >>> origin = Origin.parse("structures:C3")
        >>> origin.run.name, origin.place, origin.count
        ('structures', 3, 6)
    """

    run: Path
    place: int
    count: int = PICKS

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Read ``RUN:C3``, of six picks, or ``RUN:C3/4``, of four.

        Raises:
            RunError: The text is written otherwise, or there is no such pick.
        """
        match = _PICK.fullmatch(text)
        if match is None:
            raise RunError(f"a pick of a run is written RUN:C3, or RUN:C3/4 of four, got {text!r}")
        origin = cls(Path(match["run"]), int(match["place"]), int(match["count"] or PICKS))
        if origin.place >= origin.count:
            raise RunError(
                f"{text!r}: of {origin.count} picks the last is C{origin.count - 1}; write "
                f"RUN:C{origin.place}/{origin.place + 1} for more"
            )
        return origin


def stage_two(
    text: str, name: str | None = None, options: Mapping[str, Any] | None = None
) -> SpaceChoice:
    """Return the space of stage two that stands on a structure of stage one.

    Number of classes, proposals and a fixed input are those of stage one, and the normalisation
    is that of training from scratch, if they are not given.

    Args:
        text: ``RUN:C3``; see :meth:`Origin.parse`.
        name: Of the space; ``smnas-modular`` if left out.
        options: What the space is made with, as far as the caller says.

    Raises:
        RunError: The text is no pick, the run is none of stage one, or the space is another.
        FrontError: The run's front holds fewer structures.
    """
    given = dict(options or {})
    if name is not None and ALIASES.get(name, name) != MODULAR:
        raise RunError(f"a structure is the start of a search of {MODULAR}, not of {name!r}")
    if "structure" in given:
        raise RunError("the structure is that of the pick; leave the option 'structure' out")
    origin = Origin.parse(text)
    result = load_result(origin.run)
    if result.config.space != STRUCTURAL:
        raise RunError(
            f"the run in {origin.run} searched {result.config.space}; structures are found by "
            f"`detfit search --space {STRUCTURAL}`"
        )
    pick = pick_levels(result, origin.count)[origin.place]
    record = {"run": str(origin.run.resolve()), "pick": pick.name, "of": origin.count}
    return SpaceChoice(
        name=MODULAR,
        options={**result.config.space_options, "norm": SEARCHED, "structure": pick.code, **given},
        origin=record | {"structure": pick.code},
    )


def final_options(config: RunConfig) -> dict[str, Any]:
    """Return what the space is made with that a run's best are trained in.

    That of the run; of a run that stands on a pick, with batch normalisation.
    """
    options = dict(config.space_options)
    if ORIGIN in config.notes and options.get("norm") == SEARCHED:
        options["norm"] = TRAINED
    return options
