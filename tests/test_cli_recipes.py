"""Training by a recipe on the command line: plans, refusals, a run."""

import csv
import json
import shlex
import shutil
import subprocess
import sys

import pytest

from detection import ShapesRecipe, read_weights_info, recipe_names, write_shapes
from tests.cli import SCRIPT, done, run

SMALL = ("detnas-nano", "--input", "64x64", "--classes", 3)
ALONE = ("detnas-nano:0123012301", *SMALL[1:], "--head", "retinanet")
VOC = "detnas-supernet-voc"
WHOLE = ("--set", "split=train")  # as the small folder is not split further


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    recipe = ShapesRecipe(num_train=5, num_val=2, image_hw=(64, 64), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("cli") / "shapes", recipe)


def test_the_list_names_every_recipe():
    rows = done("train", "--recipe", "list", "--json").fields
    assert [row["recipe"] for row in rows] == list(recipe_names())
    assert "crnas-final-voc" in done("train", "--recipe", "list").out


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_has_a_plan(name):
    plan = done("train", "--recipe", name, "--dry-run", "--no-measure", "--json").fields
    assert plan["recipe"] == name
    assert plan["iterations"] > 15_000
    assert plan["hours"] == plan["step"] == "not measured"
    names = {row["name"] for row in plan["settings"]}
    assert names >= {"lr", "batch_size", "start", "seed", "precision", "accumulate", "ema_decay"}
    assert all(row["source"] for row in plan["settings"])


def test_a_plan_of_ones_own_data_is_measured(shapes):
    recipe = ("--recipe", VOC, "--set", "batch_size=4", *WHOLE, "--data", shapes)
    plan = done("train", *SMALL, *recipe, "--dry-run", "--json").fields
    assert (plan["target"], plan["input"]) == ("detnas-nano", "64x64")
    assert plan["data"]["images"] == 5
    assert plan["iterations"] == 90_000
    assert plan["lr"] == pytest.approx(0.005)
    assert plan["step"]["seconds"] > 0
    assert plan["hours"] > 0
    assert "lr 0.02 at batch 16 -> 0.005 at batch 4" in plan["changes"][0]
    text = done("train", *SMALL, *recipe, "--dry-run").out
    assert "iterations: 90000" in text
    assert "images at 64x64, mean of 4 paths" in " ".join(text.split())


def test_a_supernet_is_trained_and_the_log_says_the_rate(shapes, tmp_path):
    weights = tmp_path / "w.safetensors"
    outcome = done(
        *("train", *SMALL, "--recipe", VOC, "--weights", "scratch", *WHOLE),
        *("--set", "batch_size=2", "--set", "steps=2", "--data", shapes, "-o", weights, "--json"),
    )
    assert outcome.fields["steps"] == 2
    assert outcome.fields["weights"] == str(weights)
    assert weights.exists()
    assert "lr 0.02 at batch 16 -> 0.0025 at batch 2 (linear scaling" in outcome.err
    assert (tmp_path / "w.training" / "log.csv").exists()
    path = ("detnas-nano:01-23-0123-01", "--weights", weights, "--data", shapes, "--images", 4)
    taken = done("extract", *path, "-o", tmp_path / "path.safetensors", "--json").fields
    assert (taken["architecture"], taken["images"]) == (path[0], 4)
    score = done("data", "score", tmp_path / "path.safetensors", shapes, "--json").fields
    assert score["architecture"] == path[0]


def test_scores_on_the_way_are_told(shapes, tmp_path):
    weights = tmp_path / "w.safetensors"
    outcome = done(
        *("train", "detnas-nano:0123012301", "--input", "64x64", "--classes", 3, "--steps", 2),
        *("--head", "retinanet", "--batch-size", 2, "--data", shapes, "-o", weights),
        *("--evaluate-every", 1, "--keep-best", "--precision", "fp32", "--json"),
    )
    assert [row["step"] for row in outcome.fields["scores"]] == [1, 2]
    assert outcome.fields["best_step"] in (1, 2)
    assert set(outcome.fields["scores"][0]) == {"step", "ap", "ap50", "ap75"}
    header = (tmp_path / "w.training" / "log.csv").read_text().splitlines()[0]
    assert header.endswith("ap,ap50,ap75")


def test_a_supernet_has_no_score(shapes, tmp_path):
    recipe = ("--recipe", VOC, "--weights", "scratch", "--set", "batch_size=2", *WHOLE)
    output = ("--data", shapes, "-o", tmp_path / "w.safetensors")
    outcome = run("train", *SMALL, *recipe, *output, "--evaluate-every", 5)
    outcome.refused("evaluate_every is 5", "supernet", "set evaluate_every=0")
    assert not list(tmp_path.iterdir())


FILES = ("--data", "no-such-folder", "-o", "w.safetensors")
BAD = [
    (("--recipe", "crnas-finall-1x"), ["'crnas-finall-1x'", "did you mean crnas-final-1x"]),
    (("--recipe", "crnas-final-1x", "--set", "lrr=1"), ["'lrr'", "did you mean lr"]),
    (("--recipe", "crnas-final-1x", "--set", "lr=fast"), ["lr must be a number", "'fast'"]),
    (("--recipe", "crnas-final-1x", "--set", "lr"), ["NAME=VALUE"]),
    (("--recipe", "crnas-final-1x", "--set", "lr=1", "--set", "lr=2"), ["--set gives lr twice"]),
    (("--recipe", "crnas-final-1x", "--set", "lr=1", "--lr", 2), ["--set lr", "give one"]),
    (("--recipe", "crnas-final-1x"), ["--data and -o"]),
    (("zoo:E9", "--recipe", "crnas-final-1x", "--dry-run"), ["E9"]),
    (("zoo:E0", "--recipe", "crnas-supernet-stages", "--dry-run"), ["supernet", "zoo:E0"]),
    (("nosuch", "--recipe", "crnas-supernet-stages", "--dry-run"), ["nosuch"]),
    (("zoo:E0", "--dry-run"), ["--recipe NAME"]),
    (("zoo:E0", "--set", "lr=1"), ["ARCH|RUN, --data and -o"]),
    (("zoo:E0", "--set", "lrr=1", *FILES), ["'lrr'", "did you mean lr"]),
    (("zoo:E0", "--set", "lr=fast", *FILES), ["lr must be a number", "'fast'"]),
    (("zoo:E0", "--set", "macs_bins=8", *FILES), ["macs_bins has no effect"]),
    (("zoo:E0", "--set", "start=scratch", *FILES), ["--recipe NAME"]),
    (("zoo:E0", "--set", "steps=9", "--steps", 9, *FILES), ["--set steps", "give one"]),
    (("zoo:E0", "--set", "seed=9", "--seed", 9, *FILES), ["--set seed", "give one"]),
    (("zoo:E0", "--weights", "imagenet"), ["--recipe NAME"]),
    (("zoo:E0", "--no-measure"), ["--no-measure go with --recipe NAME"]),
    ((), ["ARCH|RUN", "--data"]),
    (("detnas-nano", "--data", "x", "-o", "w.safetensors"), ["is a space", "--recipe list"]),
]


@pytest.mark.parametrize(("args", "words"), BAD, ids=lambda value: " ".join(map(str, value)))
def test_bad_input(args, words):
    run("train", *args).refused(*words)


def test_a_start_has_to_be_named(shapes, tmp_path):
    asked = ("--recipe", VOC, "--data", shapes, "-o", tmp_path / "w.safetensors")
    run("train", *SMALL, *asked).refused("--weights FILE", "--weights imagenet")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_train_and_one_speaks(shapes, tmp_path):
    weights = tmp_path / "w.safetensors"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    options = ["--recipe", VOC, "--weights", "scratch", "--set", "batch_size=4", *WHOLE]
    steps = ["--set", "steps=2", "--data", shapes, "-o", weights, "--json"]
    found = subprocess.run(
        [*command, "--nproc-per-node=2", SCRIPT, "train", *map(str, SMALL), *options, *steps],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout)["steps"] == 2
    assert weights.exists()


def test_settings_without_a_recipe(shapes, tmp_path):
    weights = tmp_path / "w.safetensors"
    asked = ("epochs=2", "batch_size=2", "accumulate=2", "ema_decay=0.5", "weight_decay=0")
    settings = [each for item in asked for each in ("--set", item)]
    outcome = done("train", *ALONE, *settings, "--data", shapes, "-o", weights, "--json")
    assert outcome.fields["steps"] == 4
    assert "warmup_steps 500 -> 0, as the run is of 4 steps" in outcome.err
    config = read_weights_info(weights).notes["config"]
    assert (config["steps"], config["epochs"], config["accumulate"]) == (None, 2, 2)
    assert (config["ema_decay"], config["weight_decay"], config["lr"]) == (0.5, 0, 0.02)


def test_images_that_are_held_out(shapes, tmp_path):
    data, output = tmp_path / "own data", tmp_path / "w.safetensors"
    shutil.copytree(shapes, data)
    files = ("--data", data, "-o", output)
    command = f"detfit data split '{data}' --kind arch --hold-out 1"
    asked = ("--set", "steps=1", "--set", "batch_size=2")
    supernet = ("train", *SMALL, "--recipe", VOC, "--weights", "scratch", *asked)
    line = run(*supernet, *files).refused("archtrain was not drawn yet")
    assert line.endswith(f"draw it: {command}")
    detector = ("train", *ALONE, *asked, "--set", "split=archtrain")
    assert run(*detector, *files).refused().endswith(f"draw it: {command}")
    done(*shlex.split(command)[1:])
    assert done(*detector, *files, "--json").fields["images"] == 1
    overlap = ("train", *ALONE, *asked, *WHOLE, "--set", "score_split=archval")
    again = ("--data", data, "-o", tmp_path / "o.safetensors")
    run(*overlap, *again).refused("split archval, which scores, shares 1 images with split train")
    done(*supernet, "--data", data, "-o", tmp_path / "s.safetensors")


@pytest.mark.slow
def test_two_epochs_of_photographs_by_a_recipe(coco80, tmp_path):
    """500 steps of warm-up, at a batch of 2 they are 8,000, would swallow the 80 steps."""
    weights = tmp_path / "w.safetensors"
    asked = ("--set", "epochs=2", "--set", "batch_size=2", "--set", "log_every=20")
    recipe = ("--recipe", "smnas-final-2x", "--weights", "scratch", *asked, "--input", "128x128")
    outcome = done("train", "zoo:E0", *recipe, "--data", coco80, "-o", weights, "--json")
    assert outcome.fields["steps"] == 80
    assert "warmup_steps 667 -> 8, as the run is of 80 steps" in outcome.err
    with (tmp_path / "w.training" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["lr"]) == pytest.approx(0.0025)
    assert float(rows[-1]["total"]) < float(rows[0]["total"])
