"""Every option takes effect or is refused: one line that says what to do, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from latency import read_table
from latency.profiling.transferring import LEAST_SAMPLES
from tests.cli import done, profiled, run

ARCH = "detnas-nano:01-23-0000-00"
PROFILE = ("profile", "--space", "detnas-nano", "--engine", "fake", "-o", "new.jsonl")
TRANSFER = ("transfer", "--from", "predictor.json", "--engine", "fake", "-o", "new.json")
IMPORT = ("table", "import", "table.csv", "--device", "V100", "-o", "new.jsonl", "--format")
TRAIN = ("train", "--data", "nowhere", "-o", "new.safetensors")
RECIPE = (*TRAIN, "--recipe", "crnas-final-1x")

UNHEEDED = [
    ((*PROFILE, "--near", 5, "--in-order"), ["--near", "leave --no-modules and --in-order out"]),
    ((*PROFILE, "--near", 5, "--no-modules"), ["--near", "leave --no-modules and --in-order out"]),
    ((*PROFILE, "--active", "--no-modules"), ["--active", "--no-modules", "give one"]),
    ((*PROFILE, "--minutes", 5, "--isolated"), ["modules alone", "add --in-order"]),
    ((*PROFILE, "--near", 5, "--isolated"), ["modules alone", "add --in-order"]),
    ((*PROFILE, "--isolated", "--no-modules"), ["--isolated", "--no-modules", "give one"]),
    ((*PROFILE, "--minutes", 5, "--all-chains"), ["--all-chains", "add --in-order"]),
    ((*PROFILE, "--all-chains", "--no-modules"), ["--all-chains", "--no-modules", "give one"]),
    ((*PROFILE, "--images", "photos", "--input-sets", 0), ["--images", "--input-sets 0"]),
    ((*PROFILE, "--weights", "w", "--input-sets", 0), ["--weights", "--input-sets 0"]),
    ((*PROFILE, "--cache", "cold"), ["--isolated"]),
    ((*PROFILE, "--resource", "v100"), ["--resource", "--workers ray"]),
    ((*TRANSFER, "--images", "photos", "--input-sets", 0), ["--images", "--input-sets 0"]),
    ((*TRANSFER, "--weights", "w", "--input-sets", 0), ["--weights", "--input-sets 0"]),
    ((*TRANSFER, "--samples", LEAST_SAMPLES - 1), ["--samples", f"equal to {LEAST_SAMPLES}"]),
    ((*IMPORT, "csv", "--arch", ARCH), ["--arch", "trtexec-json", "csv", "leave it out"]),
    ((*IMPORT, "ofa-yaml", "--arch", ARCH), ["--arch", "ofa-yaml", "leave it out"]),
    ((*IMPORT, "tinynas-conv", "--arch", ARCH), ["--arch", "tinynas-conv", "leave it out"]),
    ((*IMPORT, "trtexec-json", "--head", "fpn"), ["head", "name it by --arch"]),
    ((*IMPORT, "csv", "--classes", 80), ["num_classes", "name it by --arch"]),
    ((*IMPORT, "csv", "--option", "norm=bn"), ["norm", "name it by --arch"]),
    ((*TRAIN, "run", "--head", "fpn"), ["run is a run", "head", "SPACE:CODE"]),
    ((*TRAIN, "run", "--input", "64x64"), ["run is a run", "input_hw", "SPACE:CODE"]),
    ((*TRAIN, "run", "--classes", 80), ["run is a run", "num_classes", "SPACE:CODE"]),
    ((*TRAIN, "run", "--option", "norm=gn_ws"), ["run is a run", "norm", "SPACE:CODE"]),
    ((*TRAIN, ARCH, "--no-inherit"), ["--no-inherit", "is no run", "leave it out"]),
    ((*TRAIN, ARCH, "--budget-ms", 3), ["a budget (3 ms)", "leave it out"]),
    ((*RECIPE, "--no-inherit"), ["--no-inherit", "--weights"]),
    ((*RECIPE, "run", "--head", "fpn"), ["run is a run", "head", "SPACE:CODE"]),
    ((*RECIPE, "zoo:CR-ResNet50", "--budget-ms", 3), ["a budget (3 ms)", "leave it out"]),
    (
        (*TRAIN, "--recipe", "crnas-supernet-stages", "--budget-ms", 3),
        ["a budget (3 ms)", "leave it out"],
    ),
    (("show", ARCH, "--classes", 80, "--option", "num_classes=9"), ["--classes", "give one"]),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unheeded")
    predictor = profiled(folder)
    proxy = ("--evaluator", "proxy", "--strategy", "random", "--evals", 3)
    done("search", "-t", predictor, *proxy, "-o", folder / "run")
    (folder / "table.csv").write_text("module,median_ms\n")
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


@pytest.mark.parametrize(("args", "words"), UNHEEDED, ids=lambda value: " ".join(map(str, value)))
def test_what_would_change_nothing_is_refused(
    folder: Path, args: tuple[object, ...], words: list[str]
) -> None:
    before = sorted(folder.rglob("*"))
    run(*args).refused(*words)
    assert sorted(folder.rglob("*")) == before


def test_a_transfer_measures_in_the_precision_that_is_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "half.json"
    asked = ("--precision", "fp16", "--samples", 5, "--input-sets", 0, "--exploratory")
    done("transfer", "--from", folder / "predictor.json", "--engine", "fake", *asked, "-o", output)
    table = read_table(output.with_suffix(".jsonl"))
    assert table.protocol.precision == "fp16"
    assert {node.spec.dtype for w, _ in table.detectors() for node in w.graph.nodes} == {"fp16"}
    (row,) = done("predict", "-t", output, ARCH, "--json").fields
    assert row["coverage"] > 0
