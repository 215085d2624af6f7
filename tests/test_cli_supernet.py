"""DetNAS by commands: a recipe trains the supernet, the search takes it as it is."""

import json

import pytest

from detection import ShapesRecipe, write_shapes
from search import RunError
from tests.cli import done, run

NANO = ("--input", "64x64", "--classes", 3)
SPACE = ("--space", "detnas-nano", *NANO)
COUNTED = ("search", *SPACE, "--count", "macs", "--strategy", "random", "--evals", 5)
SHORT = ("--set", "steps=2", "--set", "batch_size=2")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Eight images, of which two are held out for the search."""
    recipe = ShapesRecipe(num_train=10, num_val=2, image_hw=(64, 64), size_px=(16, 48))
    folder = write_shapes(tmp_path_factory.mktemp("cli") / "shapes", recipe)
    done("data", "split", folder, "--kind", "arch", "--hold-out", 2)
    return folder


@pytest.fixture(scope="module")
def supernet(shapes, tmp_path_factory):
    path = tmp_path_factory.mktemp("supernet") / "supernet.safetensors"
    recipe = ("--recipe", "detnas-supernet-voc", "--weights", "scratch", *SHORT)
    split = ("--set", "split=archtrain", "--data", shapes)
    done("train", "detnas-nano", *NANO, *recipe, *split, "-o", path)
    return path


@pytest.fixture(scope="module")
def searched(shapes, supernet, tmp_path_factory):
    """The folder of a run, and what the search said."""
    folder = tmp_path_factory.mktemp("searched") / "run"
    given = ("--supernet", supernet, "--data", shapes, "--recalibration-images", 4)
    return folder, done(*COUNTED, *given, "-o", folder, "--json")


def test_a_recipes_supernet_is_searched(searched, supernet):
    folder, outcome = searched
    said = "2 images of archval, from which supernet.safetensors has not learnt"
    assert outcome.fields["scored_on"] == said
    assert said in outcome.err
    assert (outcome.fields["evaluated"], outcome.fields["failed"]) == (5, [])
    assert (folder / "supernet.safetensors").read_bytes() == supernet.read_bytes()
    shown = done("front", folder, "--json").fields
    assert shown["scored_on"] == said


def test_it_goes_on_and_only_with_the_same(searched, supernet, shapes, tmp_path):
    folder, outcome = searched
    given = ("--data", shapes, "--recalibration-images", 4, "-o", folder, "--resume")
    again = done(*COUNTED, "--supernet", folder / "supernet.safetensors", *given, "--json")
    assert again.fields["front"] == outcome.fields["front"]
    refused = run(*COUNTED, "--start", supernet, "--steps", 2, "--batch-size", 2, *given)
    refused.refused("was begun with context.")


def test_what_follows_a_search(searched, shapes, tmp_path):
    folder, _ = searched
    short = ("--data", shapes, "--steps", 1, "--batch-size", 2)
    trained = done("train", folder, *short, "-o", tmp_path / "w.safetensors", "--json").fields
    assert trained["steps"] == 1
    taken = ("extract", folder, "--data", shapes, "--images", 4, "-o", tmp_path / "p.safetensors")
    assert done(*taken, "--json").fields["images"] == 4
    page = tmp_path / "report.html"
    done("report", folder, "-o", page)
    assert "was not checked against architectures that were trained by themselves" in (
        page.read_text()
    )
    ranked = run("rank", folder, *short, "--anchors", 5, "--threshold", 0.25, "--json")
    assert ranked.code in (0, 1)
    anchors = json.loads((folder / "anchors.json").read_text())
    assert (len(anchors["scores"]), anchors["threshold"]) == (5, 0.25)
    done("report", folder, "-o", page)
    assert "was not checked" not in page.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--steps", 5, "--lr", 0.1), ["trained already (--supernet)", "steps, lr", "leave"]),
        (("--set", "ema_decay=0.9"), ["trained already", "ema_decay"]),
        (("--recipe", "detnas-supernet-voc"), ["trained already", "recipe"]),
        (("--start", "w.safetensors"), ["--start", "give one of them"]),
        (("--evaluator", "proxy"), ["only the supernet evaluator", "--supernet", "proxy"]),
        (("--space", "detnas-small"), ["is a supernet of detnas-nano", "detnas-small"]),
        (("--head", "retinanet"), ["does not fit the model", "head=fpn", "head=retinanet"]),
        (("--search-split", "nosuch"), ["nosuch"]),
        (("--search-split", "train"), ["scores on every image", "detfit data split"]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_misuse_is_one_line(shapes, supernet, tmp_path, options, words):
    given = ("--supernet", supernet, "--data", shapes, "-o", tmp_path / "run")
    run(*COUNTED, *given, *options).refused(*words)
    assert not list(tmp_path.iterdir())


def test_the_weights_of_one_detector_are_no_supernet(searched, supernet, shapes, tmp_path):
    path = tmp_path / "path.safetensors"
    arch = searched[1].fields["front"][0]["arch"]
    weights = ("--weights", supernet, "--data", shapes, "--images", 4)
    done("extract", arch, *weights, "-o", path)
    refused = run(*COUNTED, "--supernet", path, "--data", shapes, "-o", tmp_path / "run")
    refused.refused("holds one detector", arch)


# --- recipes of the search's own trainings


SCRATCH = (*COUNTED[:-1], 1, "--evaluator", "scratch", "--recipe", "smnas-stage-one")


def test_candidates_follow_a_recipe(shapes, tmp_path):
    begun = (*SHORT, "--set", "start=scratch", "--data", shapes, "-o", tmp_path / "run")
    outcome = done(*SCRATCH, *begun, "--json")
    assert "lr 0.04 at batch 32 -> 0.0025 at batch 2" in outcome.err
    config = json.loads((tmp_path / "run" / "run.json").read_text())
    training = config["context"]["supernet"]
    assert (training["steps"], training["schedule"]) == (2, "cosine")
    assert training["final_lr"] == pytest.approx(0.0001 / 16)
    assert config["context"]["scale"] == [1.0, 1.0]
    assert config["notes"]["recipe"] == "smnas-stage-one"


def test_settings_go_without_a_recipe(shapes, tmp_path):
    scratch = (*COUNTED[:-1], 1, "--evaluator", "scratch", "--data", shapes)
    asked = ("--set", "epochs=1", "--batch-size", 4, "--set", "ema_decay=0.9")
    done(*scratch, *asked, "-o", tmp_path / "run")
    training = json.loads((tmp_path / "run" / "run.json").read_text())["context"]["supernet"]
    assert (training["epochs"], training["steps"]) == (1, None)
    assert training["ema_decay"] == 0.9


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (SCRATCH, ["smnas-stage-one", "--pretrained FOLDER", "--set start=scratch"]),
        ((*COUNTED, "--recipe", "smnas-stage-one"), ["trains a detector", "detnas-supernet-coco"]),
        ((*COUNTED, "--recipe", "nosuch"), ["nosuch", "there are"]),
        ((*COUNTED, "--set", "lrr=1"), ["lrr", "did you mean lr"]),
        ((*COUNTED, "--set", "lr=1", "--lr", 1), ["--set lr", "give one"]),
        ((*COUNTED, "--evaluator", "proxy", "--recipe", "smnas-stage-one"), ["no recipe"]),
        ((*COUNTED, "--evaluator", "proxy", "--set", "lr=1"), ["trains nothing", "--set"]),
    ],
    ids=lambda value: " ".join(map(str, value[-4:])),
)
def test_recipes_that_do_not_fit(tmp_path, command, words):
    run(*command, "-o", tmp_path / "run").refused(*words)
    assert not list(tmp_path.iterdir())


def test_anchors_follow_a_recipe(searched, shapes):
    folder, _ = searched
    by = ("--recipe", "smnas-stage-two", "--set", "steps=1", "--set", "batch_size=2")
    (folder / "anchors.json").unlink(missing_ok=True)
    run("rank", folder, "--data", shapes, "--anchors", 5, *by)
    identity = json.loads((folder / "anchors.json").read_text())["identity"]
    assert identity["training"]["schedule"] == "cosine"
    assert identity["training"]["lr"] == pytest.approx(0.24 / 32)
    assert identity["scale"] == [1.0, 1.0]
    refused = run("rank", folder, "--data", shapes, "--recipe", "smnas-stage-one")
    refused.refused("--pretrained FOLDER")
    refused = run("rank", folder, "--data", shapes, "--recipe", "crnas-supernet-stages")
    refused.refused("trains a supernet", "here a detector")


def test_who_reads_the_images_that_score(shapes, supernet, tmp_path, monkeypatch):
    """Settings by name and options of their own say the same."""
    heard = []

    def search(*args, data_workers, **options):
        heard.append(data_workers)
        raise RunError("stopped")

    monkeypatch.setattr("search.search_detectors", search)
    given = (*COUNTED, "--supernet", supernet, "--data", shapes, "-o", tmp_path / "run")
    for asked in (("--set", "workers=3"), ("--data-workers", 2), ()):
        run(*given, *asked).refused("stopped")
    assert heard == [3, 2, 0]
    run(*given, "--set", "workers=abc").refused("setting workers must be a whole number")
    run(*given, "--set", "workers=-1").refused("workers must be finite and not negative")
    assert len(heard) == 3


def test_bins_of_macs_need_no_recipe(shapes, tmp_path):
    begun = ("--set", "macs_bins=2", "--steps", 1, "--batch-size", 2, "--recalibration-images", 4)
    done(*COUNTED[:-1], 1, "--data", shapes, *begun, "-o", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "run.json").read_text())
    assert config["context"]["macs_bins"] == 2
    refused = run(*COUNTED, "--evaluator", "scratch", "--set", "macs_bins=2", "-o", tmp_path / "b")
    refused.refused("macs_bins has no effect where a detector learns detection")


def test_anchors_learn_the_runs_split(searched, shapes):
    folder, _ = searched
    short = ("--data", shapes, "--steps", 1, "--batch-size", 2, "--anchors", 5)
    refused = run("rank", folder, *short, "--set", "split=train")
    refused.refused("learnt from archtrain", "leave split and score_split out")
