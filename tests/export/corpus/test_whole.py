"""No bad graph passes on a release that refuses it; at most 5 % of the good ones are refused.

`benchmarks/check_corpus.py` prints the same, release by release.
"""

import pytest

from export.check import fix_model, parse_target
from tests.export.corpus.entries import KINDS, Entry, Verdict, judge, refused_share
from tests.export.corpus.foreign import bare
from tests.export.corpus.whole import entries

WORST_FALSE_ALARMS = 0.05
MOST_SECONDS = 1.0
ENTRIES = entries()
QUICK = [entry for entry in ENTRIES.values() if not entry.slow]


def check(chosen: list[Entry]) -> list[Verdict]:
    verdicts = [verdict for entry in chosen for verdict in judge(entry)]
    missed = [(v.entry, v.release) for v in verdicts if v.missed]
    assert missed == []
    alarms = [(v.entry, v.release, v.reason) for v in verdicts if v.false_alarm]
    assert refused_share(verdicts) <= WORST_FALSE_ALARMS, alarms
    return verdicts


def test_the_corpus_is_large_enough() -> None:
    by_kind = {kind: [e for e in ENTRIES.values() if e.kind == kind] for kind in KINDS}
    assert sum(map(len, by_kind.values())) == len(ENTRIES) >= 60
    assert len(by_kind["bad"]) >= 25
    assert all(entry.source for entry in ENTRIES.values())
    assert all(entry.bad for entry in by_kind["bad"])
    assert not [e.name for e in ENTRIES.values() if set(e.good) & set(e.bad)]


def test_the_quick_part() -> None:
    verdicts = check(QUICK)
    assert {verdict.kind for verdict in verdicts} == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES.values() if entry.slow])
def test_the_rest(name: str) -> None:
    verdicts = judge(ENTRIES[name])
    assert not [v.release for v in verdicts if v.missed]
    assert not [(v.release, v.reason) for v in verdicts if v.false_alarm]


@pytest.mark.timing
def test_a_foreign_detector_is_checked_in_less_than_a_second() -> None:
    name = "torchvision fasterrcnn_mobilenet_v3_large_320_fpn"
    verdicts = judge(ENTRIES[name])
    assert verdicts[0].nodes > 1000
    assert min(verdict.seconds for verdict in verdicts) < MOST_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "fcos_resnet50_fpn"]
)
def test_bare_detectors_are_fixed(name: str) -> None:
    """Inlining torch's If, proven on onnxruntime, is all that 8.6 asks for."""
    fixed, report = fix_model(bare(name), parse_target("8.6"))
    assert not report.before.passed
    assert report.passed
    assert not any(node.op_type == "If" for node in fixed.graph.node)
