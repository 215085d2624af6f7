"""Checks of options that several spaces take."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import SearchSpaceError


def check_head(head: str, known: Sequence[str], proposals: int | None) -> None:
    """Check the name of a head, and that RetinaNet's is given no number of proposals.

    Raises:
        SearchSpaceError: The head is unknown, has no second stage that takes proposals, or they
            are no such number.
    """
    if head not in known:
        raise SearchSpaceError(f"head {head!r} is not one of {', '.join(known)}")
    if head == "retinanet" and proposals is not None:
        raise SearchSpaceError(
            f"head retinanet has no second stage and takes no proposals, got {proposals}"
        )
    check_proposals(proposals)


def check_proposals(proposals: object) -> None:
    """Check a number of proposals; ``None`` stands for the usual one.

    Raises:
        SearchSpaceError: It is no such number.
    """
    if proposals is not None and (type(proposals) is not int or proposals < 1):
        raise SearchSpaceError(
            f"proposals must be an int >= 1, or None for as many as is usual, got {proposals!r}"
        )


def check_flag(name: str, value: object) -> None:
    """Check an option that is on or off: a text such as ``no`` would count as on.

    Raises:
        SearchSpaceError: It is neither ``True`` nor ``False``.
    """
    if not isinstance(value, bool):
        raise SearchSpaceError(
            f"{name} must be True or False (true or false in JSON and on the command line), got "
            f"{value!r}"
        )
