"""Which space a predictor is asked about: one it was fitted on, or one whose modules it knows.

A predictor knows modules. The names of the spaces that were profiled only save typing: options
such as the input size then need not be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from searchspaces import ALIASES, Architecture, SearchSpace, distinct_modules, make_space

from ..errors import LatencyError, UnprofiledModuleError
from ..tables.manifest import Manifest
from .predictor import Predictor

MAX_UNFAMILIAR = 0.1
"""Share of a detector's time that may be of modules unlike all that were measured."""

MAX_ESTIMATED = 0.5
"""Share that may be of modules that were not measured, only modules like them."""

_COMMON = ("input_hw", "num_classes")  # options of every space


def choose_space(
    predictor: Predictor, name: str | None = None, options: Mapping[str, Any] | None = None
) -> tuple[SearchSpace, dict[str, Any]]:
    """Return the space that a predictor is asked about, and what it is made with.

    One that was profiled is found by its name and those options that are given. Any other is
    taken if the predictor knows its modules: measured them, or can estimate them from modules
    like them. Its input size and classes are the profile's where all profiled spaces agree.

    Args:
        predictor: Fitted on one or several spaces.
        name: Of the space; ``None`` takes the only one.
        options: What the space is made with, as far as the caller says.

    Raises:
        LatencyError: Several spaces match; or the space holds modules of other kinds or sizes
            than were profiled.
        SearchSpaceError: The space is unknown, or does not take an option.
    """
    space, made_with, profiled = find_space(predictor, name, options)
    if not profiled:
        manifest = predictor.manifest
        precision = manifest.protocol.precision
        _, covering = distinct_modules(space, batch=manifest.batch, dtype=precision)
        refuse_unfamiliar(predictor, space, covering)
    return space, made_with


def find_space(
    predictor: Predictor, name: str | None = None, options: Mapping[str, Any] | None = None
) -> tuple[SearchSpace, dict[str, Any], bool]:
    """Return a space, what it is made with, and whether it was profiled; see above.

    Args:
        predictor: Fitted on one or several spaces.
        name: Of the space; ``None`` takes the only one.
        options: What the space is made with, as far as the caller says.

    Raises:
        LatencyError: Several spaces match, or none and no name is given.
        SearchSpaceError: The space is unknown, or does not take an option.
    """
    given = _plain(options or {})
    manifest = predictor.manifest
    named = manifest.spaces if name is None else _named(manifest, name)
    matching = [s for s in named if all(s.get(key) == value for key, value in given.items())]
    if len(matching) == 1:
        found = dict(matching[0])
        found_name = found.pop("name")
        return make_space(found_name, **found), found, True
    if matching:
        raise LatencyError(
            f"the predictor was fitted on {_listed(matching)}; name one by --space and its options"
        )
    if name is None:
        raise LatencyError(
            f"the predictor was fitted on {_listed(manifest.spaces)}, not with "
            f"{_told(given)}; name the space by --space, or leave the options out"
        )
    made_with = _plain(_shared(manifest)) | given
    return make_space(name, **made_with), made_with, False


def refuse_unfamiliar(
    predictor: Predictor, space: SearchSpace, archs: Iterable[Architecture]
) -> None:
    """Refuse what a predictor knows too little of.

    Raises:
        LatencyError: In one of the architectures modules that were not measured take more than
            :data:`MAX_ESTIMATED` of the time, or modules unlike all that were measured more than
            :data:`MAX_UNFAMILIAR`; names it and the largest of them.
    """
    fitted_on = predictor.manifest.space_names
    for arch in archs:
        try:
            times = predictor.predict(space.detector(arch)).breakdown
        except UnprofiledModuleError as error:
            raise LatencyError(
                f"the predictor, fitted on {fitted_on}, cannot predict {space.name}: {error}"
            ) from error
        estimated = [item for item in times if not item.measured]
        unfamiliar = [item for item in estimated if not item.familiar]
        for items, most, what in (
            (unfamiliar, MAX_UNFAMILIAR, "unlike those measured"),
            (estimated, MAX_ESTIMATED, "that were not measured"),
        ):
            share = sum(item.ms for item in items) / sum(item.ms for item in times)
            if share > most:
                worst = max(items, key=lambda item: item.ms).spec
                raise LatencyError(
                    f"the predictor, fitted on {fitted_on}, does not know {space.name}: "
                    f"{share:.0%} of the time of {space.encode(arch)} is of modules {what}, such "
                    f"as {worst.key}; profile {space.name} and fit both tables together, or give "
                    "the options of the profile"
                )


def _named(manifest: Manifest, name: str) -> Sequence[Mapping[str, Any]]:
    full = ALIASES.get(name, name)
    return [space for space in manifest.spaces if space["name"] == full]


def _shared(manifest: Manifest) -> dict[str, Any]:
    """Return the options that all profiled spaces have alike, of those that every space takes."""
    first, *others = manifest.spaces
    return {
        key: first[key]
        for key in _COMMON
        if key in first and all(other.get(key) == first[key] for other in others)
    }


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are read back from a file: lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(options)))
    return plain


def _listed(spaces: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(
        f"{space['name']} ({_told({k: v for k, v in space.items() if k != 'name'})})"
        for space in spaces
    )


def _told(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items()) or "no options"
