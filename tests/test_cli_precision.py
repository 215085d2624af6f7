"""Lower precisions by commands: export with its ladder, profile."""

import pytest

from tests.cli import done, run

ARCH = "detnas-nano:21-20-2112-33"
SPACE = ("--head", "retinanet", "--classes", 3, "--input", "96x96")
TRAIN = ("--steps", 4, "--batch-size", 4, "--lr", 0.001, "--optimizer", "adamw")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("precision")
    done("data", "shapes", folder / "shapes", "--train", 8, "--val", 4, "--size", "96x96")
    weights = folder / "w.safetensors"
    done("train", ARCH, *SPACE, "--data", folder / "shapes", *TRAIN, "-o", weights)
    return folder


@pytest.mark.slow
def test_export_shows_every_precision(folder, tmp_path):
    common = ("--weights", folder / "w.safetensors", "--verify", folder / "shapes")
    options = ("--precision", "int8", "--calibration-images", 4, "--calibration-method", "minmax")
    outcome = run("export", ARCH, *common, *options, "-o", tmp_path / "b", "--json")
    assert outcome.code in (0, 1), outcome.err
    told = outcome.fields["precision"]
    assert [row["precision"] for row in told["rows"]] == ["fp32", "fp16", "fp16", "int8"]
    assert [row["delivered"] for row in told["rows"]] == [False, False, False, True]
    assert told["calibration"]["count"] == 4
    assert told["calibration"]["data"].endswith("train")
    shown = done("bundle", "show", tmp_path / "b", "--json").fields
    assert shown["precision"] == told
    assert shown["engine"]["precision"] == "int8"
    done("detect", tmp_path / "b", *sorted((folder / "shapes" / "val").iterdir())[:1])


@pytest.mark.slow
def test_a_wrong_choice_is_told_in_one_line(folder, tmp_path):
    common = ("export", ARCH, "--weights", folder / "w.safetensors", "-o", tmp_path / "b")
    run(*common, "--precision", "int8").refused("int8 is calibrated on images", "--verify")
    verify = ("--verify", folder / "shapes", "--precision", "int8")
    run(*common, *verify, "--calibration-method", "mean").refused("percentile", "'mean'")
    run(*common, *verify, "--calibrate", tmp_path / "none").refused("no such data folder")
    run(*common, *verify, "--calibration-split", "test").refused("'test' is no split")
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_profile_of_a_lower_precision(tmp_path, engine, precision):
    if engine == "openvino":
        pytest.importorskip("openvino")
    table = tmp_path / "t.jsonl"
    limits = ("--detectors", 2, "--replicates", 1, "--seconds", 0.05, "--exploratory")
    options = ("--space", "detnas-nano", *SPACE, "--engine", engine, "--precision", precision)
    done("profile", *options, *limits, "-o", table)
    shown = done("table", "show", table, "--json").fields
    assert shown["precision"] == precision
    assert shown["measured"]["detector"] == 2
