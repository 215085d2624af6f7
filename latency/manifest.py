"""Where a latency table comes from: the first line of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engines import DeviceInfo, TimingProtocol

from .context import Recipe
from .errors import TableError, TableMismatchError

SCHEMA = "detfit.latency-table/2"
READABLE = ("detfit.latency-table/1", SCHEMA)  # the first had no checksums and only whole graphs


@dataclass(frozen=True, slots=True)
class Manifest:
    """Say where a table comes from; the first line of its file.

    Attributes:
        device: What was measured.
        protocol: How.
        batch: Images per run of chains and detectors; a module alone carries its own.
        space: Name and options of the profiled space.
        software: Versions of what shaped the models, such as torch and detfit.
        seed: Seed of weights, inputs and of the detectors chosen.
        recipes: How the chains' times combine to module costs; empty without chains.
        sha256: Hash of the rows once the table is closed, else ``None``.
        notes: What else a reader should know: the source of imported rows, what was merged.
    """

    device: DeviceInfo
    protocol: TimingProtocol
    batch: int
    space: Mapping[str, Any]
    software: Mapping[str, str]
    seed: int
    recipes: tuple[Recipe, ...] = ()
    sha256: str | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able fields."""
        return {
            "schema": SCHEMA,
            "device": self.device.to_dict(),
            "protocol": self.protocol.to_dict(),
            "batch": self.batch,
            "space": dict(self.space),
            "software": dict(self.software),
            "seed": self.seed,
            "recipes": [recipe.to_dict() for recipe in self.recipes],
            "notes": list(self.notes),
            "sha256": self.sha256,
        }

    @classmethod
    def from_dict(cls, fields: Any) -> Manifest:
        """Read back what :meth:`to_dict` gave.

        Raises:
            TableError: The schema is unknown or a field is missing or wrong.
        """
        if not isinstance(fields, dict) or "schema" not in fields:
            raise TableError("the first line is no manifest: it names no schema")
        if fields["schema"] not in READABLE:
            raise TableError(
                f"schema {fields['schema']!r} is not one of {', '.join(map(repr, READABLE))}, "
                "which are known here"
            )
        try:
            if not isinstance(fields["space"].get("name"), str):
                raise TableError(f"space must hold a name, got {fields['space']!r}")
            return cls(
                DeviceInfo.from_dict(fields["device"]),
                TimingProtocol.from_dict(fields["protocol"]),
                whole_number("batch", fields["batch"], 1),
                dict(fields["space"]),
                dict(fields["software"]),
                whole_number("seed", fields["seed"], 0),
                tuple(Recipe.from_dict(recipe) for recipe in fields["recipes"]),
                fields["sha256"],
                tuple(map(str, fields.get("notes", ()))),
            )
        except KeyError as error:
            raise TableError(f"the manifest lacks the field {error.args[0]!r}") from error
        except Exception as error:
            raise TableError(f"the manifest is wrong: {error}") from error

    def require_same(self, other: Manifest, what: str) -> None:
        """Refuse to mix with measurements of another device, protocol, batch.

        Raises:
            TableMismatchError: Names every field that differs, with both values.
        """
        measured = ("device.", "protocol.", "batch")
        refuse_differences(
            what, [d for d in difference_of(self, other) if d[0].startswith(measured)]
        )

    def joined(self, other: Manifest, what: str) -> Manifest:
        """Return the manifest of both tables' rows in one.

        Recipes are joined: a table of whole detectors alone has none. The seed is the first
        table's, another one is noted: it chose weights and detectors, which rows carry.

        Raises:
            TableMismatchError: Device, protocol, batch, space or software differ, or a module's
                recipe does; names every field. Predictions, closure and recipes are of one space
                and of the models that one version of the software makes.
        """
        refuse_differences(
            what,
            [
                *difference_of(self, other),
                *_differing_items("space.", self.space, other.space),
            ],
        )
        recipes = {recipe.spec: recipe for recipe in self.recipes}
        for recipe in other.recipes:
            if recipes.setdefault(recipe.spec, recipe) != recipe:
                raise TableMismatchError(
                    f"{what}: the recipe of {recipe.spec} differs; profile both with one version",
                    ["recipes"],
                )
        notes = dict.fromkeys([*self.notes, *other.notes])
        if other.seed != self.seed:
            notes[f"holds rows of a table of seed {other.seed}"] = None
        return replace(self, recipes=tuple(recipes.values()), notes=tuple(notes), sha256=None)


Difference = tuple[str, Any, Any]


def difference_of(a: Manifest, b: Manifest) -> list[Difference]:
    """Return ``(field, of a, of b)`` where device, protocol, batch or software differ."""
    return [
        *_differences("device.", a.device, b.device),
        *_differences("protocol.", a.protocol, b.protocol),
        *([("batch", a.batch, b.batch)] if a.batch != b.batch else []),
        *_differing_items("software.", a.software, b.software),
    ]


def refuse_differences(what: str, differing: Sequence[Difference]) -> None:
    """Refuse to mix where anything differs.

    Args:
        what: Cannot be done then.
        differing: ``(field, here, there)``.

    Raises:
        TableMismatchError: There is a difference; names every field with both values.
    """
    if differing:
        text = "; ".join(f"{name} is {a!r} here, {b!r} there" for name, a, b in differing)
        raise TableMismatchError(f"{what}: {text}", [name for name, _, _ in differing])


def whole_number(name: str, value: object, least: int) -> int:
    """Return a value of a file if it is an int of at least ``least``.

    Raises:
        TableError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise TableError(f"{name} must be an int >= {least}, got {value!r}")
    return value


def _differing_items(prefix: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    names = dict.fromkeys([*a, *b])
    return [(prefix + n, a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)]


def _differences(
    prefix: str, a: DeviceInfo | TimingProtocol, b: DeviceInfo | TimingProtocol
) -> list[Difference]:
    pairs = a.differences(b)  # type: ignore[arg-type]  # both are of one type
    return [(prefix + name, mine, theirs) for name, mine, theirs in pairs]
