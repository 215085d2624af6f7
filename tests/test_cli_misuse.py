"""Bad input: one line on standard error, exit code 2, and nothing half-written."""

import json
import os
import shutil
import sys

import pytest

import detfit
from cli import EXIT_MISUSE
from tests.cli import ROOT, call, done, profiled, run

ARCH = "detnas-nano:00-00-0000-00"
STRUCTURE = "smnas-structural:resnet18/P2-P5@128/rpn/2fc/512x512"
PROFILE = ("profile", "--space", "detnas-nano", "--engine", "fake", "--classes", 3)
TORCH = (*PROFILE, "--engine", "torch")
SEARCH = ("search", "-t", "predictor.json", "--budget-ms", 1000)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("misuse")
    profiled(folder)
    lines = (folder / "table.jsonl").read_text().splitlines(keepends=True)
    manifest = json.loads(lines[0])
    open_manifest = json.dumps({**manifest, "sha256": None}) + "\n"
    (folder / "malformed.jsonl").write_text("".join([open_manifest, lines[1], "{broken\n"]))
    foreign = {**manifest, "sha256": None, "device": {**manifest["device"], "uuid": "another"}}
    (folder / "foreign.jsonl").write_text("".join([json.dumps(foreign) + "\n", *lines[1:]]))
    done("data", "shapes", folder / "shapes", "--train", 5, "--val", 1, "--size", "64x64")
    (folder / "empty").mkdir()
    (folder / "junk.txt").write_text("neither JSON nor an image")
    (folder / "list.json").write_text("[1]")
    for name, text in (("nojson", "{broken"), ("nococo", '{"images": 3}')):
        (folder / name / "annotations").mkdir(parents=True)
        (folder / name / "train").mkdir()
        (folder / name / "annotations" / "instances_train.json").write_text(text)
    shutil.copytree(folder / "shapes", folder / "noimages")
    for image in (folder / "noimages" / "train").iterdir():
        image.unlink()
    return folder


@pytest.fixture
def folder(made, monkeypatch):
    """The folder of bad and good things; no test may leave anything in it."""
    monkeypatch.chdir(made)
    before = everything(made)
    yield made
    assert everything(made) == before


def everything(folder):
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


BAD = [
    (("nosuch",), ["nosuch", "--help"]),
    (("spaces", "--bogus"), ["--bogus", "detfit spaces --help"]),
    (("spaces", "resnas"), ["'resnas'", "detnas-small"]),
    (("show",), ["arch", "detfit show --help"]),
    (("show", "plain"), ["SPACE:CODE"]),
    (("show", "resnas:0"), ["'resnas'", "detnas-nano"]),
    (("show", "detnas-nano:00"), ["2 blocks instead of 10"]),
    (("show", ARCH, "--input", "800"), ["WIDTHxHEIGHT"]),
    (("show", ARCH, "--input", "-8x600"), ["WIDTHxHEIGHT"]),
    (("show", ARCH, "--input", "8x8"), ["too small"]),
    (("show", ARCH, "--head", "mask"), ["fpn, retinanet"]),
    (("show", ARCH, "--classes", 0), ["--classes"]),
    (("show", ARCH, "--proposals", -1), ["--proposals"]),
    (("show", ARCH, "--proposals", 80, "--option", "proposals=90"), ["--proposals", "give one"]),
    (("show", ARCH, "--classes", 7, "--option", "num_classes=9"), ["--classes", "give one"]),
    (("show", ARCH, "--input", ""), ["WIDTHxHEIGHT"]),
    (("show", ARCH, "--draw", "sketch.png"), ["sketch.png", ".svg"]),
    (("show", ARCH, "--draw", "nowhere/sketch.svg"), ["nowhere/sketch.svg", "folder"]),
    (("show", ARCH, "--receptive-field", "empty"), ["empty", ".svg"]),
    (("show", ARCH, "--weights", "w.safetensors"), ["--receptive-field"]),
    (("show", "zoo:E0", "--option", "input_hw=800"), ["input_hw", "800"]),
    (("show", "zoo:E0", "--option", "tail=1"), ["'tail'", "num_classes"]),
    (("show", "zoo:E0", "--option", "norm=ln"), ["norm 'ln' is not bn, gn or gn_ws"]),
    (("show", STRUCTURE, "--option", "norm=ln"), ["norm 'ln' is not bn, gn or gn_ws"]),
    (("show", "smnas:basicblock_64_1-21-21-1x"), ["character 24", "'x'"]),
    (("show", f"smnas-structural:resnet18/P{'1' * 5000}-P5@256/rpn/2fc/512x512"), ["c4"]),
    ((*PROFILE, "--space", "resnas", "-o", "x.jsonl"), ["'resnas'"]),
    ((*PROFILE, "--engine", "nosuch", "-o", "x.jsonl"), ["'nosuch'", "onnxruntime"]),
    ((*PROFILE, "--engine-option", "a=1", "-o", "x.jsonl"), ["'fake' takes no options"]),
    ((*TORCH, "--engine-option", "chanels=true", "-o", "x.jsonl"), ["'chanels'", "channels_last"]),
    ((*TORCH, "--engine-option", "graphs", "-o", "x.jsonl"), ["NAME=VALUE", "'graphs'"]),
    ((*TORCH, "--engine-option", "half=fp8", "-o", "x.jsonl"), ["fp16|bf16", "'fp8'"]),
    ((*PROFILE, "--precision", "fp8", "-o", "x.jsonl"), ["fp32, fp16, int8"]),
    ((*PROFILE, "--device", "gpu", "-o", "x.jsonl"), ["'gpu'", "cuda:0"]),
    ((*PROFILE, "--threads", 0, "-o", "x.jsonl"), ["--threads"]),
    ((*PROFILE, "--batch", -1, "-o", "x.jsonl"), ["--batch"]),
    ((*PROFILE, "--minutes", 0, "-o", "x.jsonl"), ["--minutes", "above 0"]),
    ((*PROFILE, "--seconds", "nan", "-o", "x.jsonl"), ["--seconds", "above 0"]),
    ((*PROFILE, "--seed", -1, "-o", "x.jsonl"), ["--seed"]),
    ((*PROFILE, "--detectors", 0, "--no-modules", "-o", "x.jsonl"), ["nothing to measure"]),
    ((*PROFILE, "-o", "table.jsonl"), ["exists", "--resume"]),
    ((*PROFILE, "-o", "empty"), ["empty", "directory"]),
    ((*PROFILE, "-o", "junk.txt/x.jsonl"), ["junk.txt"]),
    ((*PROFILE, "--resume", "-o", "foreign.jsonl"), ["device.uuid", "another"]),
    ((*PROFILE, "--resume", "-o", "malformed.jsonl"), ["line 3"]),
    (("fit", "missing.jsonl", "-o", "p.json"), ["missing.jsonl", "detfit profile"]),
    (("fit", "malformed.jsonl", "-o", "p.json"), ["malformed.jsonl, line 3"]),
    (("fit", "junk.txt", "-o", "p.json"), ["line 1"]),
    (("fit", "empty", "-o", "p.json"), ["empty"]),
    (("fit", "table.jsonl", "-o", "empty"), ["empty", "directory"]),
    (("fit", "table.jsonl", "-o", "table.jsonl"), ["table.jsonl", "is for tables"]),
    (("fit", "table.jsonl", "-o", "junk.txt"), ["junk.txt", "is no predictor"]),
    (("transfer", "--from", "predictor.json", "-o", "t.jsonl"), ["t.jsonl", "is for tables"]),
    (("fit", "table.jsonl", "-o", "junk.txt/p.json"), ["junk.txt"]),
    (("evaluate", "missing.json", "table.jsonl"), ["missing.json", "detfit fit"]),
    (("evaluate", "list.json", "table.jsonl"), ["list.json"]),
    (("evaluate", "predictor.json", "foreign.jsonl"), ["device.uuid", "another"]),
    (("evaluate", "predictor.json", "table.jsonl", "--confidence", 2), ["between 0 and 1"]),
    (("evaluate", "predictor.json", "table.jsonl", "--batch", 8), ["at batch 1", "--batch 8"]),
    (("predict", "-t", "predictor.json"), ["archs"]),
    (("predict", "-t", "predictor.json", ARCH, "--batch", 8), ["at batch 1", "--batch 8"]),
    (("predict", "-t", "table.jsonl", ARCH), ["table.jsonl", "detfit fit table.jsonl"]),
    (("predict", "-t", "predictor.json", "detnas-small:" + "0" * 20), ["detnas-nano"]),
    (("table", "show", "missing"), ["missing"]),
    (("table", "show", "predictor.json"), ["predictor.json is a predictor"]),
    (("table", "merge", "table.jsonl", "foreign.jsonl", "-o", "m.jsonl"), ["device.uuid"]),
    (("table", "merge", "table.jsonl", "-o", "table.jsonl"), ["exists"]),
    (("front", "empty"), ["empty"]),
    (("front", "missing"), ["missing"]),
    (("front", "empty", "--budget-ms", "x"), ["--budget-ms"]),
    (("front", "empty", "--budget-ms", "-1"), ["--budget-ms", "above 0"]),
    ((*SEARCH, "--strategy", "nosuch", "-o", "r"), ["'nosuch'", "detnas-ea", "random"]),
    ((*SEARCH, "--evaluator", "nosuch", "-o", "r"), ["'nosuch'", "supernet"]),
    ((*SEARCH, "--budget-ms", 2, "-o", "r"), ["several", "--strategy crnas", "detnas-ea"]),
    ((*SEARCH, "--evaluator", "table", "-o", "r"), ["--table"]),
    ((*SEARCH, "--evaluator", "table", "--table", "missing.csv", "-o", "r"), ["missing.csv"]),
    ((*SEARCH, "--space", "detnas-small", "-o", "r"), ["detnas-nano", "detnas-small"]),
    ((*SEARCH, "--confidence", 95, "-o", "r"), ["confidence"]),
    ((*SEARCH, "--evals", 0, "-o", "r"), ["--evals"]),
    ((*SEARCH, "--seed", -1, "-o", "r"), ["--seed"]),
    ((*SEARCH, "--fidelity", "0.3,0.1,1", "-o", "r"), ["(0.3, 0.1, 1.0)", "rise"]),
    ((*SEARCH, "--fidelity", "tenth,1", "-o", "r"), ["'tenth,1'", "0.1,0.3,1"]),
    ((*SEARCH, "--fidelity", "1", "-o", "r"), ["two rungs"]),
    ((*SEARCH, "--fidelity", "0.1,1", "--fidelity-audit", 10, "-o", "r"), ["audit", "10"]),
    ((*SEARCH, "--fidelity", "0.1,1", "--fidelity-tau", 2, "-o", "r"), ["tau", "2"]),
    ((*SEARCH, "--fidelity", "0.1,1", "--eta", 1, "-o", "r"), ["--eta"]),
    ((*SEARCH, "--eta", 4, "-o", "r"), ["--eta", "--fidelity 0.1,0.3,1"]),
    (
        (*SEARCH, "--evaluator", "proxy", "--fidelity", "0.1,1", "-o", "r"),
        ["proxy", "scratch and supernet"],
    ),
    ((*SEARCH, "-o", "r"), ["--data"]),
    ((*SEARCH, "-o", "junk.txt"), ["junk.txt", "file"]),
    ((*SEARCH, "--data", "missing", "-o", "r"), ["missing"]),
    ((*SEARCH, "--data", "nojson", "-o", "r"), ["instances_train.json"]),
    ((*SEARCH, "--data", "nococo", "-o", "r"), ["instances_train.json"]),
    ((*SEARCH, "--data", "noimages", "-o", "r"), ["noimages"]),
    ((*SEARCH, "--data", "shapes", "--steps", 0, "-o", "r"), ["--steps"]),
    ((*SEARCH, "--data", "shapes", "--optimizer", "lion", "-o", "r"), ["sgd, adamw"]),
    (("train", ARCH, "--data", "shapes", "-o", "w.safetensors"), ["3 classes", "80"]),
    (("train", "empty", "--data", "shapes", "-o", "w.safetensors"), ["SPACE:CODE"]),
    (("train", ARCH, "--data", "shapes", "-o", "empty"), ["empty", "directory"]),
    (("export", ARCH, "--weights", "missing", "-o", "b"), ["missing"]),
    (("export", ARCH, "--weights", "junk.txt", "-o", "b"), ["junk.txt"]),
    (("export", ARCH, "--weights", "junk.txt", "--engine", "nosuch", "-o", "b"), ["'nosuch'"]),
    (("export", ARCH, "--weights", "junk.txt", "--limit", 0, "-o", "b"), ["--limit"]),
    (("verify", "empty", "--data", "shapes"), ["manifest.json"]),
    (("verify", "missing", "--data", "shapes"), ["missing"]),
    (("bundle", "show", "empty"), ["manifest.json"]),
    (("detect", "missing", "junk.txt", "-o", "d"), ["missing"]),
    (("detect", "empty", "junk.txt", "--threshold", 7, "-o", "d"), ["--threshold"]),
    (("report", "empty", "-o", "r.html"), ["empty"]),
    (("report", "junk.txt", "-o", "r.html"), ["line 1"]),
    (("report", "table.jsonl", "-o", "table.jsonl"), ["replace table.jsonl itself"]),
    (("report", "table.jsonl", "-o", "junk.txt/r.html"), ["junk.txt"]),
    (("data", "shapes", "d", "--train", 0), ["--train"]),
    (("data", "shapes", "d", "--size", "64"), ["WIDTHxHEIGHT"]),
    (("data", "shapes", "d", "--classes", 99), ["num_classes"]),
    (("data", "shapes", "junk.txt/d"), ["junk.txt"]),
    (("demo", "-o", "junk.txt"), ["junk.txt"]),
    (("demo", "-o", "d", "--budget-ms", 0), ["--budget-ms"]),
]


@pytest.mark.parametrize(("args", "words"), BAD, ids=lambda value: " ".join(map(str, value)))
def test_bad_input(folder, args, words):
    run(*args).refused(*words)


@pytest.mark.parametrize(
    "args",
    [
        ("spaces", "resnas"),
        ("fit", "malformed.jsonl", "-o", "p.json"),
        (*PROFILE, "-o", "junk.txt/x.jsonl"),
        ("show", ARCH, "--classes", "many"),
    ],
    ids=lambda args: args[0],
)
def test_as_a_process(folder, args):
    call(*args, cwd=folder).refused()


def test_nothing_given_shows_the_help(folder):
    outcome = run()
    assert outcome.code == EXIT_MISUSE
    assert outcome.out.count("Usage:") == 1
    assert "profile" in outcome.out


def test_impossible_budget_is_answered_before_torch_is_loaded(folder):
    args = [*map(str, SEARCH[:-1]), "0.0001", "--data", "shapes", "-o", "r"]
    heavy = {"torch", "onnx", "onnxruntime", "sklearn", "pandas"}
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import detfit\n"
        f"try: detfit.main({args!r})\n"
        f"finally: print(sorted({heavy!r} & set(sys.modules)))"
    )
    outcome = call_python(code, folder)
    assert outcome.stdout.strip() == "[]"
    assert outcome.returncode == EXIT_MISUSE
    (line,) = outcome.stderr.splitlines()
    assert "fastest" in line


@pytest.mark.timing
def test_impossible_budget_is_answered_in_a_second(folder):
    import time

    began = time.monotonic()
    call(*SEARCH, "--budget-ms", 0.0001, "--data", "shapes", "-o", "r", cwd=folder).refused()
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("engine", "command"),
    [
        ("onnxruntime", ("profile", "--space", "detnas-nano", "-o", "x.jsonl")),
        ("onnxruntime", ("export", ARCH, "--weights", "junk.txt", "-o", "b")),
        ("torch", ("profile", "--space", "detnas-nano", "--engine", "torch", "-o", "x.jsonl")),
    ],
)
def test_engine_that_is_not_installed_names_the_pip_line(folder, engine, command):
    args = [str(arg) for arg in command]
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "def hidden(name, *rest):\n"
        f"    return None if name.partition('.')[0] == {engine!r} else find(name, *rest)\n"
        "PathFinder.find_spec = hidden\n"
        f"import detfit; detfit.main({args!r})"
    )
    outcome = call_python(code, folder)
    assert (outcome.returncode, outcome.stdout) == (EXIT_MISUSE, "")
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("error: ")
    assert "pip install" in line
    assert engine in line


def call_python(code, folder):
    import subprocess

    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_unwritable_output(folder, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied", "locked/t.jsonl")

    monkeypatch.setattr("latency.profile", refuse)
    run(*PROFILE, "-o", "x.jsonl").refused("locked/t.jsonl: Permission denied")


def test_bugs_are_not_dressed_up_as_misuse(folder, monkeypatch):
    def fail(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr("searchspaces.describe_spaces", fail)
    with pytest.raises(ZeroDivisionError):
        detfit.main(["spaces"])
