"""The journal's table of how proposals came about: what they were made of."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

LINEAGE = """
CREATE TABLE IF NOT EXISTS lineage (
    evaluation INTEGER PRIMARY KEY REFERENCES evaluations (evaluation),
    how TEXT NOT NULL,
    parents TEXT NOT NULL
);
"""
"""Runs of earlier versions can do without it; nothing of a run's course depends on it."""


@dataclass(frozen=True, slots=True)
class Birth:
    """Say how a proposal came about.

    Attributes:
        how: What was done, in words, such as ``mutated``.
        parents: Codes of what it was done to; empty for what was drawn from the space.
    """

    how: str
    parents: tuple[str, ...] = ()


def add_births(connection: sqlite3.Connection, first: int, births: Sequence[Birth]) -> None:
    """Write how proposals came about, the first of which has the number ``first``."""
    connection.executemany(
        "INSERT INTO lineage VALUES (?, ?, ?)",
        [(index, each.how, json.dumps(each.parents)) for index, each in enumerate(births, first)],
    )


def read_births(connection: sqlite3.Connection, first: int, count: int) -> dict[int, Birth]:
    """Return how proposals came about, by evaluation.

    Args:
        connection: To a database that has the table.
        first: The first evaluation that is asked for.
        count: How many at most; all that there are if negative.

    Raises:
        ValueError: A row is damaged.
    """
    rows = connection.execute(
        "SELECT evaluation, how, parents FROM lineage "
        "WHERE evaluation >= ? AND (? < 0 OR evaluation < ?)",
        (first, count, first + count),
    ).fetchall()
    return {index: _birth(index, how, text) for index, how, text in rows}


def _birth(index: int, how: object, text: str) -> Birth:
    parents = json.loads(text)
    if not isinstance(how, str) or not isinstance(parents, list):
        raise ValueError(f"the birth of evaluation {index} is {how!r} of {parents!r}")
    return Birth(how, tuple(map(str, parents)))
