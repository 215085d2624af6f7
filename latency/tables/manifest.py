"""Where a latency table comes from: the first line of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engines import DeviceInfo, TimingProtocol

from ..errors import TableError, TableMismatchError
from ..workloads.context import Recipe

SCHEMA = "detfit.latency-table/3"
UNSEALED = "detfit.latency-table/1"  # had no checksums, and only whole graphs
READABLE = (UNSEALED, "detfit.latency-table/2", SCHEMA)  # the second had no sentinel
SEVERAL = "several"  # name of the space of a table that was joined of several
_OTHER_SEED = "holds rows of a table of seed "


@dataclass(frozen=True, slots=True)
class Manifest:
    """Say where a table comes from; the first line of its file.

    Attributes:
        device: What was measured.
        protocol: How.
        batch: Images per run of chains and detectors; a module alone carries its own.
        space: Name and options of the profiled space; of a joined table ``{"name": "several",
            "spaces": [...]}``, see :attr:`spaces`.
        software: Versions of what shaped the models, such as torch and detfit.
        seed: Seed of weights, inputs and of the detectors chosen.
        recipes: How the chains' times combine to module costs; empty without chains. A module of
            several spaces may have one for each.
        sha256: Hash of the rows once the table is closed, else ``None``.
        notes: What else a reader should know: the source of imported rows, what was merged.
        sentinel: Key of the graph that was timed beside every workload; ``None`` without one.
        inputs: Hash of the file of recorded inputs beside the table; ``None`` if data-dependent
            modules were given noise, or the inputs of joined tables differ.
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
    sentinel: str | None = None
    inputs: str | None = None

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
            "sentinel": self.sentinel,
            "inputs": self.inputs,
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
            _check_space(fields["space"])
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
                _text_or_none("sentinel", fields.get("sentinel")),
                _text_or_none("inputs", fields.get("inputs")),
            )
        except KeyError as error:
            raise TableError(f"the manifest lacks the field {error.args[0]!r}") from error
        except Exception as error:
            raise TableError(f"the manifest is wrong: {error}") from error

    @property
    def spaces(self) -> tuple[Mapping[str, Any], ...]:
        """Return name and options of every profiled space."""
        return tuple(self.space["spaces"]) if self.space["name"] == SEVERAL else (self.space,)

    @property
    def space_names(self) -> str:
        """Return the names of the profiled spaces, each once."""
        return ", ".join(dict.fromkeys(str(space["name"]) for space in self.spaces))

    def require_same(self, other: Manifest, what: str) -> None:
        """Refuse to mix with measurements of another device, protocol, batch.

        Raises:
            TableMismatchError: Names every field that differs, with both values.
        """
        measured = ("device.", "protocol.", "batch")
        refuse_differences(
            what,
            [
                *(d for d in difference_of(self, other) if d[0].startswith(measured)),
                *self._other_sentinel(other),
            ],
        )

    def _other_sentinel(self, other: Manifest) -> list[Difference]:
        """Return how sentinels differ; a table without one has no speeds to mix."""
        if self.sentinel is None or other.sentinel is None or self.sentinel == other.sentinel:
            return []
        return [("sentinel", self.sentinel, other.sentinel)]

    @property
    def is_of_several_seeds(self) -> bool:
        """Return whether tables of other seeds were joined to this one's."""
        return any(note.startswith(_OTHER_SEED) for note in self.notes)

    def joined(self, other: Manifest, what: str) -> Manifest:
        """Return the manifest of both tables' rows in one.

        Tables of several spaces, or of one space with several options, are joined, too; a note
        says so. Recipes are joined: a table of whole detectors alone has none. The seed is the
        first table's, another one is noted: it chose weights and detectors, which rows carry.

        Raises:
            TableMismatchError: Device, protocol, batch or software differ, or, of one space, a
                module's recipe does; names every field. Costs and recipes are of the models that
                one version of the software makes.
        """
        refuse_differences(what, [*difference_of(self, other), *self._other_sentinel(other)])
        spaces = [*self.spaces, *(space for space in other.spaces if space not in self.spaces)]
        if len(spaces) == 1:
            _refuse_other_recipes(self.recipes, other.recipes, what)
        notes = dict.fromkeys([*self.notes, *other.notes])
        if len(spaces) > max(len(self.spaces), len(other.spaces)):
            notes[f"joined: {self.space_names} and {other.space_names}"] = None
        if other.seed != self.seed:
            notes[f"{_OTHER_SEED}{other.seed}"] = None
        return replace(
            self,
            space=spaces[0] if len(spaces) == 1 else {"name": SEVERAL, "spaces": spaces},
            recipes=tuple(dict.fromkeys([*self.recipes, *other.recipes])),
            notes=tuple(notes),
            sha256=None,
            sentinel=self.sentinel or other.sentinel,
            inputs=self.inputs if self.inputs == other.inputs else None,
        )


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
        what: How the message begins: what a difference rules out.
        differing: ``(field, here, there)``.

    Raises:
        TableMismatchError: There is a difference; names every field with both values.
    """
    if differing:
        text = "; ".join(f"{name} is {a!r} here, {b!r} there" for name, a, b in differing)
        raise TableMismatchError(f"{what}: {text}", [name for name, _, _ in differing])


def _refuse_other_recipes(mine: Sequence[Recipe], theirs: Sequence[Recipe], what: str) -> None:
    known = {recipe.spec: recipe for recipe in mine}
    for recipe in theirs:
        if known.get(recipe.spec, recipe) != recipe:
            raise TableMismatchError(
                f"{what}: the recipe of {recipe.spec} differs; profile both with one version",
                ["recipes"],
            )


def _check_space(fields: Any) -> None:
    """Refuse a space without a name, and several without their list."""
    spaces: Any = [fields]
    if isinstance(fields, dict) and fields.get("name") == SEVERAL:
        spaces = fields.get("spaces")
        if not isinstance(spaces, list) or not spaces:
            raise TableError(f"space {SEVERAL!r} must hold a list of spaces, got {spaces!r}")
    for space in spaces:
        named = isinstance(space, dict) and isinstance(space.get("name"), str)
        if not named or (space is not fields and space["name"] == SEVERAL):
            raise TableError(f"space must hold a name, got {space!r}")


def whole_number(name: str, value: object, least: int) -> int:
    """Return a value of a file if it is an int of at least ``least``.

    Raises:
        TableError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise TableError(f"{name} must be an int >= {least}, got {value!r}")
    return value


def _text_or_none(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TableError(f"{name} must be a text or null, got {value!r}")
    return value


def _differing_items(prefix: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    names = dict.fromkeys([*a, *b])
    return [(prefix + n, a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)]


def _differences(
    prefix: str, a: DeviceInfo | TimingProtocol, b: DeviceInfo | TimingProtocol
) -> list[Difference]:
    pairs = a.differences(b)  # type: ignore[arg-type]  # both are of one type
    return [(prefix + name, mine, theirs) for name, mine, theirs in pairs]
