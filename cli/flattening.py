"""Let a command take dataclasses of options, which typer does not know, as single options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with every option of its groups as an option of its own.

    A group is a parameter annotated with a dataclass. Its fields take its place, in their order,
    under their own names, which have to be unique within the command.
    """
    hints = get_type_hints(command)
    groups = {name: kind for name, kind in hints.items() if _is_group(kind)}

    @functools.wraps(command)
    def call(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    signature = inspect.Signature(list(_flat_parameters(command)))
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    return call


def _flat_parameters(command: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(command, include_extras=True)
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if _is_group(kind):
            yield from _flat_parameters(kind)
        else:
            yield parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)
