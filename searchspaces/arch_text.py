"""The text forms of the command line: ``space:code`` for architectures, ``800x600`` for sizes."""

from __future__ import annotations

import json
import re
from typing import Any

from .architecture import Architecture
from .errors import ArchitectureError, SearchSpaceError, SizeError
from .space import SearchSpace
from .spaces import SPACES, make_space

_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")
_MAX_SIDE = 999_999


def parse_arch(text: str, /, **space_options: Any) -> tuple[SearchSpace, Architecture]:
    """Read ``space:code``.

    Args:
        text: Name of a registered space, a colon, and the space's own code. ``zoo:E0`` is a
            published model; ``smnas:`` is short for ``smnas-modular:``.
        space_options: What the space's factory takes, e.g. ``head``, ``input_hw``.

    Returns:
        The space, made with the options, and the architecture.

    Raises:
        ArchitectureError: The text has no such form, or the space does not hold the code.
        UnknownSpaceError: The space is not registered.
        SearchSpaceError: The space does not take an option or its value.

    Example:
        >>> space, arch = parse_arch("detnas-nano:21-20-2112-33", head="retinanet")
        >>> space.name, arch.genes
        ('detnas-nano', (2, 1, 2, 0, 2, 1, 1, 2, 3, 3))
    """
    name, colon, code = text.partition(":")
    if not colon or not name:
        raise ArchitectureError(
            f"{text!r} is no architecture; write zoo:NAME as in zoo:E0, or SPACE:CODE as in "
            f"detnas-nano:21-20-2112-33; spaces: {', '.join(sorted(SPACES))}"
        )
    space = make_space(name, **space_options)
    return space, space.decode(code)


def format_arch(space: SearchSpace, arch: Architecture) -> str:
    """Write ``space:code``; :func:`parse_arch` reads it back.

    Raises:
        ArchitectureError: The space does not hold the architecture.

    Example:
        >>> space = make_space("detnas-nano")
        >>> format_arch(space, Architecture("detnas-nano", (2, 1, 2, 0, 2, 1, 1, 2, 3, 3)))
        'detnas-nano:21-20-2112-33'
    """
    return f"{space.name}:{space.encode(arch)}"


def parse_option(text: str) -> tuple[str, Any]:
    """Read ``name=value`` of a space's option; numbers and lists are written as in JSON.

    Raises:
        SearchSpaceError: There is no ``=`` or no name.

    Example:
        >>> parse_option("base_channels=32"), parse_option("norm=gn_ws")
        (('base_channels', 32), ('norm', 'gn_ws'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise SearchSpaceError(
            f"{text!r} is no option; write NAME=VALUE as in norm=gn_ws or base_channels=32"
        )
    try:
        read = json.loads(value)
    except ValueError:
        return name, value
    return name, tuple(read) if isinstance(read, list) else read


def parse_size(text: str) -> tuple[int, int]:
    """Read ``WIDTHxHEIGHT`` and return ``(height, width)`` in pixels.

    Raises:
        SizeError: The text is not two whole numbers from 1 to 999,999 with an ``x`` between.

    Example:
        >>> parse_size("800x600")
        (600, 800)
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise SizeError(
            f"{text!r} is no size; write WIDTHxHEIGHT in pixels, each 1 to {_MAX_SIDE}, as in "
            "800x600"
        )
    width, height = map(int, match.groups())
    return height, width


def format_size(input_hw: tuple[int, int]) -> str:
    """Write a ``(height, width)`` in pixels as ``WIDTHxHEIGHT``.

    Raises:
        SizeError: It is not two ints from 1 to 999,999.

    Example:
        >>> format_size((600, 800))
        '800x600'
    """
    sides = tuple(input_hw)
    if len(sides) != 2 or any(type(s) is not int or not 1 <= s <= _MAX_SIDE for s in sides):
        raise SizeError(
            f"{input_hw!r} is no size; give (height, width) in pixels, two ints from 1 to "
            f"{_MAX_SIDE}"
        )
    return f"{sides[1]}x{sides[0]}"
