"""Weights with group normalisation turned into ones with batch normalisation, then exported."""

import pytest

from detection import ShapesRecipe, write_shapes
from tests.cli import done, run

ARCH = "detnas-nano:01-23-0123-01"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with data and a detector that learnt with standardised weights."""
    folder = tmp_path_factory.mktemp("convert")
    recipe = ShapesRecipe(num_train=5, num_val=2, image_hw=(64, 64), size_px=(16, 48))
    write_shapes(folder / "shapes", recipe)
    done(
        *("train", ARCH, "--head", "retinanet", "--input", "64x64", "--classes", 3),
        *("--option", "norm=gn_ws", "--data", folder / "shapes", "--steps", 2, "--batch-size", 2),
        *("-o", folder / "gn.safetensors"),
    )
    return folder


def test_the_cost_is_said_and_the_file_is_scored_as_any_other(folder):
    data, written = ("--data", folder / "shapes"), folder / "bn.safetensors"
    source = folder / "gn.safetensors"
    fields = done("convert", source, "--norm", "bn", *data, "-o", written, "--json").fields
    assert (fields["norm_before"], fields["norm"], fields["images"]) == ("gn_ws", "bn", 5)
    assert (fields["architecture"], fields["score_split"]) == (ARCH, "val")
    before = done("data", "score", source, folder / "shapes", "--json").fields
    after = done("data", "score", written, folder / "shapes", "--json").fields
    assert fields["ap_before"] == pytest.approx(100 * before["ap"])
    assert fields["ap"] == pytest.approx(100 * after["ap"])
    assert fields["ap_lost"] == pytest.approx(fields["ap_before"] - fields["ap"])
    text = done("convert", source, *data, "-o", folder / "again.safetensors").out
    assert "ap_lost" in text
    assert (folder / "again.safetensors").read_bytes() == written.read_bytes()
    run("convert", written, *data, "-o", folder / "more.safetensors").refused("has norm=bn")


def test_another_norm_is_refused(folder):
    data = ("--data", folder / "shapes", "-o", folder / "x.safetensors")
    outcome = run("convert", folder / "gn.safetensors", "--norm", "gn", *data)
    outcome.refused("'gn' is not bn")
    assert not (folder / "x.safetensors").exists()
