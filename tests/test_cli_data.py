"""The commands that look at data sets before they are learnt from."""

from pathlib import Path

import pytest

from cli import EXIT_FAILED
from tests.cli import done, run


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    folder = tmp_path / "shapes"
    done("data", "shapes", folder, "--train", 8, "--val", 4, "--size", "48x40")
    return folder


def test_a_good_folder_passes(shapes: Path) -> None:
    outcome = done("data", "check", shapes, "--json")
    fields = outcome.fields
    assert fields["passed"] is True
    assert [(split["name"], split["images"]) for split in fields["splits"]] == [
        ("train", 8),
        ("val", 4),
    ]
    assert sum(item["objects"] for item in fields["splits"][0]["classes"]) > 0
    text = done("data", "check", shapes, "--split", "val", "--quick").out
    assert "circle" in text
    assert "passed" in text


def test_findings_are_exit_code_1_and_misuse_is_2(shapes: Path, tmp_path: Path) -> None:
    next((shapes / "train").iterdir()).unlink()
    outcome = run("data", "check", shapes, "--json")
    assert outcome.code == EXIT_FAILED
    assert outcome.fields["passed"] is False
    assert len(outcome.fields["splits"][0]["missing_images"]) == 1
    plain = run("data", "check", shapes)
    assert plain.code == EXIT_FAILED
    assert "image files missing: 1" in " ".join(plain.out.split())
    run("data", "check", tmp_path / "absent").refused("no such data folder")
    run("data", "check", tmp_path).refused("no data set found", "coco:", "voc:", "bdd100k:")
    run("data", "check", shapes, "--split", "test").refused("'test' is no split")


def test_drawn_splits_are_splits(shapes: Path) -> None:
    rows = done("data", "split", shapes, "--hold-out", 3, "--seed", 1, "--json").fields
    assert [(row["name"], row["images"]) for row in rows] == [("archval", 3), ("archtrain", 5)]
    checked = done("data", "check", shapes, "--split", "archval", "--json").fields
    assert [split["images"] for split in checked["splits"]] == [3]
    run("data", "split", shapes, "--kind", "x").refused("known: arch, minival")
    run("data", "split", shapes, "--hold-out", 8).refused("cannot hold 8 out of the 8 images")


def test_weights_are_scored_by_both_metrics(shapes: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    arch = ("detnas-nano:01-23-0000-00", "--classes", 3, "--input", "64x64")
    done("train", *arch, "--data", shapes, "--steps", 1, "--batch-size", 2, "-o", weights)
    coco = done("data", "score", weights, shapes, "--json").fields
    voc = done("data", "score", weights, shapes, "--metric", "voc", "--json").fields
    assert (coco["metric"], voc["metric"]) == ("coco", "voc")
    assert len(coco["classes"]) == len(voc["classes"]) == 3
    assert "circle" in done("data", "score", weights, shapes, "--split", "train+val").out
    run("data", "score", weights, shapes, "--metric", "x").refused("known: coco, voc")
