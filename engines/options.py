"""Options of an engine: what the command line may write, and what a table records of them.

An engine's options are a frozen dataclass beside its backend, such as ``TorchOptions``. A table of
:class:`Option`, keyed by its fields, says how each is written as ``NAME=VALUE``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .device import DEFAULT_OPTIONS
from .errors import EngineBuildError

if TYPE_CHECKING:
    from .base import Backend


@dataclass(frozen=True, slots=True)
class Option:
    """Describe one option.

    Attributes:
        default: Its value where nothing is said.
        takes: What may be written, such as ``true|false``.
        help: What it does.
        parse: Turns a text into a value; raises ``ValueError`` on any other text.
        write: Turns a value back into its text.
        identifies: Whether another value may give another latency.
    """

    default: Any
    takes: str
    help: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str
    identifies: bool = True

    @property
    def default_text(self) -> str:
        """Return the default as a text; ``none`` where nothing is said by default."""
        return "none" if self.default is None else self.write(self.default)

    def __str__(self) -> str:
        return f"{self.takes} ({self.default_text})"


@runtime_checkable
class Configurable(Protocol):
    """A backend that takes options."""

    @property
    def known_options(self) -> Mapping[str, Option]:
        """Return the options by name."""

    def with_options(self, texts: Sequence[str]) -> Backend:
        """Return such a backend with other options, each ``NAME=VALUE``.

        Raises:
            EngineBuildError: A name or a value is none that it takes; the message lists those.
        """


def flag(help: str, *, default: bool = False) -> Option:
    """Return an option that is on or off."""
    values = {"true": True, "false": False}
    return Option(default, "true|false", help, _one_of(values), lambda on: str(on).lower())


def choice(names: Sequence[str], help: str, *, default: str | None = None) -> Option:
    """Return an option that is one of several names; the first is the default if none is given."""
    values = {name: name for name in names}
    return Option(default or names[0], "|".join(names), help, _one_of(values))


def whole(help: str, *, default: int | None, least: int, most: int | None = None) -> Option:
    """Return an option that is a whole number within bounds."""
    takes = f"{least}..{'' if most is None else most}"

    def parse(text: str) -> int:
        value = int(text) if re.fullmatch(r"\d{1,18}", text) else -1
        if value < least or (most is not None and value > most):
            raise ValueError(text)
        return value

    return Option(default, takes, help, parse)


def parse_options(
    engine: str, known: Mapping[str, Option], texts: Sequence[str]
) -> dict[str, Any]:
    """Return values by name of texts such as ``channels_last=true``.

    Args:
        engine: Whose options they are, for messages.
        known: The engine's options.
        texts: Each ``NAME=VALUE``, every name once.

    Raises:
        EngineBuildError: A text has another form, a name is unknown or given twice, or its value
            is none that it takes; the message says what is allowed.

    Example:
        >>> parse_options("torch", {"fast": flag("Hurry.")}, ["fast=true"])
        {'fast': True}
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            allowed = ", ".join(f"{name}={option}" for name, option in known.items())
            wrong = f"has no option {name!r}" if equals else f"takes NAME=VALUE, got {text!r}"
            raise EngineBuildError(f"engine {engine!r} {wrong}; known are {allowed}")
        if name in values:
            raise EngineBuildError(f"option {name!r} of engine {engine!r} is given twice")
        try:
            values[name] = known[name].parse(value)
        except ValueError as error:
            raise EngineBuildError(
                f"option {name!r} of engine {engine!r} takes {known[name].takes}, got {value!r}"
            ) from error
    return values


def options_text(known: Mapping[str, Option], chosen: object) -> str:
    """Return the options that differ from their defaults, as a device records them.

    What :func:`parse_options` reads after splitting it at spaces; ``default`` if none differs.

    Args:
        known: The engine's options.
        chosen: Has an attribute for each of them.

    Example:
        >>> from types import SimpleNamespace
        >>> options_text({"fast": flag("Hurry.")}, SimpleNamespace(fast=True))
        'fast=true'
    """
    values = {name: getattr(chosen, name) for name in known}
    texts = [
        f"{name}={option.write(values[name])}"
        for name, option in known.items()
        if option.identifies and values[name] != option.default
    ]
    return " ".join(texts) or DEFAULT_OPTIONS


def option_texts(recorded: str) -> tuple[str, ...]:
    """Return the ``NAME=VALUE`` texts of what :func:`options_text` gave.

    Example:
        >>> option_texts("channels_last=true half=bf16"), option_texts("default")
        (('channels_last=true', 'half=bf16'), ())
    """
    return () if recorded == DEFAULT_OPTIONS else tuple(recorded.split())


def _one_of(values: Mapping[str, Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError(text)
        return values[text]

    return parse
