import pytest

from export import Outcome
from export.gate.tensors import ProbeRow, TensorReport, TensorRow, judge_structure, judge_tensors
from export.graph.structure import StructureReport

PASS, FAIL, SKIP = Outcome.PASS, Outcome.FAIL, Outcome.NOT_JUDGED
GOOD = TensorRow("neck", "neck", "fpn", 1e-7, 1e-7, 1.0)


@pytest.mark.parametrize(
    ("relative", "cosine", "precision", "outcome"),
    [
        (1e-6, 1.0, "fp32", PASS),
        (5e-4, 1.0, "fp32", FAIL),
        (5e-3, 0.9999, "fp16", PASS),
        (5e-3, 0.99, "fp16", FAIL),
        (0.1, 0.9999, "fp16", FAIL),
        (0.3, 0.98, "int8", PASS),
        (0.3, 0.96, "int8", FAIL),
        (float("inf"), 0.99, "int8", FAIL),
        (float("inf"), 0.0, "fp32", FAIL),
    ],
)
def test_tensors(relative: float, cosine: float, precision: str, outcome: Outcome) -> None:
    bad = TensorRow("neck:1", "neck", "fpn", 1.0, relative, cosine)
    check = judge_tensors(TensorReport((GOOD, bad)), precision)
    assert check.outcome is outcome
    assert "neck:1 is the worst" in check.reason


@pytest.mark.parametrize(
    ("agreement", "precision", "outcome"),
    [(1.0, "fp32", PASS), (0.98, "fp32", FAIL), (0.98, "fp16", PASS), (0.5, "int8", FAIL)],
)
def test_probes(agreement: float, precision: str, outcome: Outcome) -> None:
    probes = (
        ProbeRow("detections", "rcnn_detections", "many", 1.0),
        ProbeRow("detections", "rcnn_detections", "few", agreement),
    )
    check = judge_tensors(TensorReport((GOOD,), probes=probes), precision)
    assert check.outcome is outcome
    assert "2 runs on made-up inputs" in check.reason


def test_tensors_that_were_not_compared_are_not_judged() -> None:
    for report in (None, TensorReport(), TensorReport(error="no more outputs")):
        assert judge_tensors(report, "fp32").outcome is SKIP
    assert "no more outputs" in judge_tensors(TensorReport(error="no more outputs"), "").reason


def test_the_graph() -> None:
    assert judge_structure(None).outcome is SKIP
    assert judge_structure(StructureReport(9)).outcome is PASS
    check = judge_structure(StructureReport(9, ("a", "b", "c", "d", "e")))
    assert check.outcome is FAIL
    assert check.reason == "a; b; c; and 2 more"
