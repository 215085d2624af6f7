"""What a recipe file says, checked when it is read.

A recipe is one procedure of one paper. Every value stands beside its source: the paper, its
released code, or ``ours`` where both are silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ..errors import TrainingError

SCHEMA, SCHEMA_VERSION = "detfit-recipe", 1
SUFFIX = ".yaml"


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Sourced(_Checked):
    """A value and where it comes from."""

    value: JsonValue
    source: str = Field(min_length=4)


class ReferenceData(_Checked):
    """The data that the paper trains on, for plans without data at hand.

    Attributes:
        name: Such as ``COCO trainval35k``.
        images: How many it has.
        classes: Without background.
        source: Where the number comes from.
    """

    name: str
    images: int = Field(gt=0)
    classes: int = Field(gt=0)
    source: str = Field(min_length=4)


class RecipeFile(_Checked):
    """A recipe as it stands in its file.

    Attributes:
        schema_name: Always ``detfit-recipe``.
        version: Of the schema.
        title: What is trained, in one line.
        paper: Authors, venue and year.
        trains: ``detector`` or ``supernet``.
        task: ``detection``, or ``classification`` to pre-train a backbone.
        target: What is trained if nothing else is named: ``SPACE:CODE``, or a supernet's space.
        data: The paper's.
        options: Options of the space.
        settings: Values by name; see :mod:`detection.recipes.resolve`.
    """

    schema_name: str = Field(alias="schema", pattern=f"^{SCHEMA}$")
    version: int = Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    title: str
    paper: str
    trains: str = Field(pattern="^(detector|supernet)$")
    task: str = Field(pattern="^(detection|classification)$")
    target: str
    data: ReferenceData
    options: dict[str, Sourced] = Field(default_factory=dict)
    settings: dict[str, Sourced]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe that is shipped.

    Attributes:
        name: Of its file, without ending.
        file: What it says.
    """

    name: str
    file: RecipeFile


@cache
def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that are shipped, sorted."""
    folder = resources.files(__package__)
    files = (item.name for item in folder.iterdir() if item.name.endswith(SUFFIX))
    return tuple(sorted(name.removesuffix(SUFFIX) for name in files))


def load_recipe(name: str) -> Recipe:
    """Return a recipe that is shipped.

    Raises:
        TrainingError: There is none of that name.
    """
    if name not in recipe_names():
        close = get_close_matches(name, recipe_names(), n=3)
        hint = f"did you mean {', '.join(close)}? " if close else ""
        raise TrainingError(f"no recipe {name!r}; {hint}there are {', '.join(recipe_names())}")
    text = (resources.files(__package__) / f"{name}{SUFFIX}").read_text(encoding="utf-8")
    return Recipe(name, parse_recipe(text, name))


def parse_recipe(text: str, name: str) -> RecipeFile:
    """Read a recipe's text.

    Raises:
        TrainingError: It is no YAML, or says what no recipe says; names the field.
    """
    import yaml

    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TrainingError(f"recipe {name}: no YAML ({' '.join(str(error).split())})") from error
    try:
        return RecipeFile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise TrainingError(f"recipe {name}: {place}: {first['msg']}") from error
