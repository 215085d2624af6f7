"""The search spaces by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import SearchSpaceError, UnknownSpaceError
from ..space import SearchSpace
from .detnas import DetNasSpace

__all__ = ["SPACES", "DetNasSpace", "make_space"]

SPACES: dict[str, Callable[..., SearchSpace]] = {
    "detnas-large": partial(DetNasSpace, "detnas-large"),
    "detnas-nano": partial(DetNasSpace, "detnas-nano"),
    "detnas-small": partial(DetNasSpace, "detnas-small"),
}
"""Name -> factory; each takes keyword options such as head, input_hw and num_classes."""


def make_space(name: str, /, **options: Any) -> SearchSpace:
    """Make a registered space.

    Args:
        name: A key of :data:`SPACES`.
        options: What the space's factory takes, e.g. ``head``, ``input_hw``, ``num_classes``.
            Lists, as JSON gives them, are taken as tuples.

    Raises:
        UnknownSpaceError: The name is not registered.
        SearchSpaceError: The space does not take an option or its value.

    Example:
        >>> make_space("detnas-nano", head="retinanet").size
        1048576
    """
    if name not in SPACES:
        raise UnknownSpaceError(f"unknown space {name!r}; known spaces: {', '.join(SPACES)}")
    try:
        return SPACES[name](
            **{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        )
    except TypeError as error:
        raise SearchSpaceError(f"{name} does not take these options: {error}") from error
