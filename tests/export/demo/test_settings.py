"""A demo's settings, and the folder that belongs to them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from export import DemoError, DemoSettings
from export.demo.settings import DEMO_FILE, claim_folder

SETTINGS = DemoSettings()


def test_the_space_follows_the_pictures() -> None:
    recipe = replace(SETTINGS.recipe, image_hw=(96, 128), num_classes=2)
    options = replace(SETTINGS, recipe=recipe).options
    assert options == {"head": "retinanet", "input_hw": (96, 128), "num_classes": 2}


def test_trainings_warm_up_within_their_steps() -> None:
    for steps in (1, 9, 100, 10_000):
        config = replace(SETTINGS, batch_size=3, seed=5).training(steps, 0.5)
        assert config.steps == steps
        assert config.warmup_steps == min(50, steps // 10)
        assert (config.batch_size, config.lr, config.seed) == (3, 0.5, 5)


def test_a_folder_is_claimed_once_and_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "demo"
    claim_folder(folder, SETTINGS)
    before = (folder / DEMO_FILE).read_bytes()
    (folder / "table.jsonl").write_text("work")
    claim_folder(folder, DemoSettings())
    assert (folder / DEMO_FILE).read_bytes() == before
    assert json.loads(before)["recipe"]["image_hw"] == [160, 160]


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    claim_folder(tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == [DEMO_FILE]


def test_a_demo_of_other_settings_is_refused_by_field(tmp_path: Path) -> None:
    claim_folder(tmp_path, SETTINGS)
    other = replace(SETTINGS, evals=31, lr=0.5)
    with pytest.raises(
        DemoError, match=r"other settings \(evals is 30 there, 31 here; lr is 0\.002 there, 0\.5"
    ):
        claim_folder(tmp_path, other)


def test_anything_else_in_the_way_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("work of years")
    with pytest.raises(DemoError, match="holds something else than a demo; choose another -o"):
        claim_folder(tmp_path, SETTINGS)
    with pytest.raises(DemoError, match="holds something else"):
        claim_folder(tmp_path / "thesis.tex", SETTINGS)
    with pytest.raises(DemoError, match="cannot make"):
        claim_folder(tmp_path / "thesis.tex" / "demo", SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"schema": "other"}'])
def test_a_damaged_description_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / DEMO_FILE).write_text(content)
    with pytest.raises(DemoError, match="choose another -o"):
        claim_folder(tmp_path, SETTINGS)
