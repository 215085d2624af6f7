"""The search spaces by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from inspect import signature
from typing import Any

from ..errors import SearchSpaceError, UnknownSpaceError
from ..space import SearchSpace
from ..zoo import ZooSpace
from .crnas import SERIES, CrNasOperations, CrNasSpace, CrNasStages
from .detnas import DetNasSpace
from .smnas import (
    BackboneCode,
    SmNasModularSpace,
    SmNasStructuralSpace,
    is_deeper_or_wider,
)

__all__ = [
    "ALIASES",
    "SPACES",
    "BackboneCode",
    "CrNasOperations",
    "CrNasSpace",
    "CrNasStages",
    "DetNasSpace",
    "SmNasModularSpace",
    "SmNasStructuralSpace",
    "is_deeper_or_wider",
    "make_space",
]

SPACES: dict[str, Callable[..., SearchSpace]] = {
    **{f"crnas-{series}": partial(CrNasSpace, series) for series in SERIES},
    **{f"crnas-{series}-operations": partial(CrNasOperations, series) for series in SERIES},
    **{f"crnas-{series}-stages": partial(CrNasStages, series) for series in SERIES},
    "detnas-large": partial(DetNasSpace, "detnas-large"),
    "detnas-large-1.8x": partial(DetNasSpace, "detnas-large-1.8x"),
    "detnas-nano": partial(DetNasSpace, "detnas-nano"),
    "detnas-small": partial(DetNasSpace, "detnas-small"),
    "smnas-modular": SmNasModularSpace,
    "smnas-structural": SmNasStructuralSpace,
    "zoo": ZooSpace,
}
"""Name -> factory; each takes keyword options such as head, input_hw and num_classes."""


ALIASES = {"smnas": "smnas-modular"}
"""Short name -> registered name."""


def make_space(name: str, /, **options: Any) -> SearchSpace:
    """Make a registered space.

    Args:
        name: A key of :data:`SPACES` or of :data:`ALIASES`.
        options: What the space's factory takes, e.g. ``head``, ``input_hw``, ``num_classes``.
            Lists, as JSON gives them, are taken as tuples.

    Raises:
        UnknownSpaceError: The name is not registered.
        SearchSpaceError: The space does not take an option or its value.

    Example:
        >>> make_space("detnas-nano", head="retinanet").size
        1048576
    """
    name = ALIASES.get(name, name)
    if name not in SPACES:
        close = get_close_matches(name, [*SPACES, *ALIASES], n=2)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise UnknownSpaceError(
            f"unknown space {name!r}; {hint}known spaces: {', '.join(sorted(SPACES))}"
        )
    factory = SPACES[name]
    _check_options(name, factory, options)
    return factory(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})


def _check_options(
    name: str, factory: Callable[..., SearchSpace], options: Mapping[str, object]
) -> None:
    known = signature(factory).parameters
    unknown = [option for option in options if option not in known]
    if unknown and all(each.kind is not each.VAR_KEYWORD for each in known.values()):
        raise SearchSpaceError(
            f"{name} does not take these options: {', '.join(map(repr, unknown))}; it takes "
            f"{', '.join(known)}"
        )
