"""Every option of ``search`` takes effect or is refused in one line; none is left unheeded."""

import pytest

from tests.cli import done, run

PROXY = ("--evaluator", "proxy", "--space", "detnas-nano", "--strategy", "random", "--evals", 3)
V100 = ("search", "-t", "simulated:V100", *PROXY)
MACS = ("search", "--count", "macs", *PROXY)
SMNAS = (*V100, "--strategy", "smnas-ea")
LIMITED = (*V100, "--budget-ms", 1e6)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((*V100, "--device", "cuda:7"), ["proxy", "--device cuda:7", "leave"]),
        ((*V100, "--device", "cuda:7", "--workers", "ray:10.0.0.1:6379"), ["--device cuda:7"]),
        ((*V100, "--steps", 10), ["proxy", "trains nothing", "--steps"]),
        ((*V100, "--lr", 0.1), ["proxy", "trains nothing", "--lr"]),
        ((*V100, "--data-workers", 2), ["proxy", "trains nothing", "--data-workers"]),
        ((*V100, "--data", "."), ["proxy", "reads no images", "--data"]),
        ((*V100, "--search-images", 10), ["proxy", "--search-images (10)"]),
        ((*V100, "--recalibration-images", 10), ["proxy", "--recalibration-images (10)"]),
        ((*V100, "--confidence", 0.5), ["confidence (0.5)", "--budget-ms"]),
        ((*V100, "--confidence", 0), ["confidence (0)", "--budget-ms"]),
        ((*LIMITED, "--on-every-device"), ["--on-every-device", "--also"]),
        ((*LIMITED, "--also", "gpu=simulated:T4"), ["1e+06 ms", "--on-every-device"]),
        ((*MACS, "--precision", "fp16"), ["--precision fp16", "-t"]),
        ((*MACS, "--count", "macs=1e9"), ["--count", "macs", "twice"]),
        (
            (*V100, "--strategy-option", "max_attempts=5", "--strategy-option", "max_attempts=6"),
            ["--strategy-option", "max_attempts", "twice"],
        ),
        ((*V100, "--option", "norm=bn", "--option", "norm=gn"), ["--option", "norm", "twice"]),
        (
            (*V100, "--input", "64x64", "--option", "input_hw=[96, 96]"),
            ["--input", "--option input_hw"],
        ),
        ((*V100, "--classes", 3, "--option", "num_classes=4"), ["--classes", "num_classes"]),
        (
            (*SMNAS, "--strategy-option", "pruning=false", "--strategy-option", "tolerance=1"),
            ["tolerance", "pruning"],
        ),
    ],
)
def test_what_would_go_unheeded_is_refused(tmp_path, monkeypatch, command, words):
    monkeypatch.chdir(tmp_path)
    run(*command, "-o", "run").refused(*words)
    assert not list(tmp_path.iterdir())


def test_several_budgets_are_an_option_of_the_strategy(tmp_path):
    crnas = ("search", "-t", "simulated:V100", "--space", "crnas-resnet18", "--strategy", "crnas")
    budgets = ("--budget-ms", 1e6, "--budget-ms", 1e5, "--strategy-option", "budgets=[1e5]")
    run(*crnas, *budgets, "--evaluator", "proxy", "-o", tmp_path / "run").refused("--budget-ms")


def test_the_same_search_without_them_runs(tmp_path):
    further = ("--also", "gpu=simulated:T4@1e6", "--on-every-device", "--confidence", 0.5)
    done(*LIMITED, *further, "--device", "cpu", "--option", "norm=bn", "-o", tmp_path / "run")
