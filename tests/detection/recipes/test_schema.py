"""Recipe files: all are read, each value has a source, damage is named."""

import pytest
import yaml

from detection import TrainingError, load_recipe, recipe_names
from detection.recipes.keys import KEYS
from detection.recipes.schema import parse_recipe

GOOD = """
schema: detfit-recipe
version: 1
title: A recipe
paper: A paper
trains: detector
task: detection
target: zoo:E0
data: {name: shapes, images: 10, classes: 3, source: here}
settings:
  epochs: {value: 5, source: here}
"""


def test_every_procedure_of_the_papers_is_there() -> None:
    assert recipe_names() == (
        "crnas-final-1x",
        "crnas-final-2x",
        "crnas-final-voc",
        "crnas-pretrain",
        "crnas-supernet-operations",
        "crnas-supernet-operations-pretrain",
        "crnas-supernet-stages",
        "crnas-supernet-stages-pretrain",
        "detnas-final-1x-fpn",
        "detnas-final-1x-retinanet",
        "detnas-pretrain",
        "detnas-supernet-coco",
        "detnas-supernet-coco-retinanet",
        "detnas-supernet-coco-scratch",
        "detnas-supernet-pretrain",
        "detnas-supernet-voc",
        "detnas-supernet-voc-retinanet",
        "smnas-final-2x",
        "smnas-pretrain",
        "smnas-stage-one",
        "smnas-stage-two",
    )


@pytest.mark.parametrize("name", recipe_names())
def test_every_value_names_the_paper_its_code_or_us(name: str) -> None:
    file = load_recipe(name).file
    assert set(file.settings) <= set(KEYS)
    for item in (*file.settings.values(), *file.options.values()):
        assert item.source.startswith(("paper", "released code", "ours"))


def test_an_unknown_name_is_one_line_with_the_closest() -> None:
    with pytest.raises(TrainingError, match="no recipe 'crnas-final'; did you mean crnas-final"):
        load_recipe("crnas-final")
    with pytest.raises(TrainingError, match="there are crnas-final-1x, "):
        load_recipe("../schema")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("version: 1", "version: 2"), "version"),
        (("detfit-recipe", "other"), "schema"),
        (("trains: detector", "trains: cats"), "trains"),
        (("title: A recipe", "titel: A recipe"), "title"),
        (("source: here}\nsettings", "sauce: here}\nsettings"), r"data\.source"),
        (("{value: 5, source: here}", "5"), r"settings\.epochs"),
        (("images: 10", "images: -1"), r"data\.images"),
        (("title: A recipe", "title: [A"), "no YAML"),
    ],
)
def test_damage_is_named(change: tuple[str, str], message: str) -> None:
    assert parse_recipe(GOOD, "x").settings["epochs"].value == 5
    text = GOOD.replace(*change)
    assert text != GOOD
    with pytest.raises(TrainingError, match=f"recipe x: .*{message}") as caught:
        parse_recipe(text, "x")
    assert "\n" not in str(caught.value)


def test_files_cannot_run_code() -> None:
    with pytest.raises(TrainingError, match="no YAML"):
        parse_recipe(GOOD.replace("A recipe", "!!python/object/apply:os.getcwd []"), "x")
    assert yaml.safe_load(GOOD)["version"] == 1
