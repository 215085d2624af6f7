"""A report with every section, in which every text from outside tries to break out."""

from export import (
    Accuracy,
    AccuracyRow,
    AgreementMark,
    CalibrationImage,
    CalibrationRecord,
    CheckReport,
    Finding,
    Front,
    FrontMark,
    KeptNode,
    ModuleShare,
    Outcome,
    Picture,
    PrecisionRecord,
    PrecisionRow,
    ReportData,
    Sample,
    SearchRecord,
    judge,
)
from export.check import Severity, Target
from export.records.times import (
    Attribution,
    EndToEnd,
    LatencyReport,
    ModuleGap,
    Position,
    StageTimes,
)
from export.report.baselines import Baseline, Baselines
from export.report.correlations import CorrelationTable
from export.report.data import CertificateRow
from export.report.family import Family, Relative
from tests.export.conftest import accuracy, measured, parity, predicted

EVIL = "<script>alert(\"1\")</script> & 'quoted' </title>"
CHARTS = (
    "front",
    "front-2",
    "baselines",
    "family",
    "agreement",
    "breakdown",
    "differences",
)
"""Ids of its charts."""


def full_report() -> ReportData:
    """Return a report of all that a report can show."""
    return ReportData(
        title=EVIL,
        subject=EVIL,
        verdict=judge(
            parity=parity(),
            accuracy=accuracy(40.0, 30.0, (9.0, 11.0)),
            measured=measured(unstable=(EVIL,)),
            predicted=predicted(),
            budget_ms=7.0,
        ),
        predicted=predicted(breakdown=(ModuleShare(EVIL, EVIL, 1.0),)),
        measured=measured(),
        budget_ms=7.0,
        front=Front(
            (
                FrontMark(EVIL, 5.0, 30.0),
                FrontMark("b", 6.0, 25.0, dominated=True),
                FrontMark("c", 6.5, 35.0, chosen=True),
            ),
            "AP50",
            7.0,
            failed=2,
            budgets=(6.5, 7.0),
        ),
        fronts=(
            Front(
                (FrontMark(EVIL, 1e9, 30.0, interval=(9e8, 1.1e9)),),
                EVIL,
                cost_name=EVIL,
                cost_unit="",
            ),
        ),
        baselines=Baselines(
            (
                Baseline(
                    EVIL, "800x600", 80, 6.0, (5.0, 7.5), 27.1, EVIL, FrontMark(EVIL, 5.0, 30.0)
                ),
                Baseline("other", "64x64", 3, 1.0, (0.9, 1.1), None, "", None),
            ),
            ((EVIL, 3),),
            "AP50",
            EVIL,
            7.0,
            FrontMark(EVIL, 5.0, 30.0),
        ),
        family=Family(
            (
                Relative("a", 0, 5.0, 20.0, "sampled", (), "", 0, False),
                Relative(EVIL, 1, 5.0, 30.0, EVIL, ("a",), EVIL, 1, True),
            ),
            EVIL,
            "AP50",
        ),
        correlations=(CorrelationTable(EVIL, ((EVIL, "+0.50", "-", "-", "-"),)),),
        agreement=(AgreementMark(EVIL, 5.0, 5.1), AgreementMark("b", 6.0, 5.9, EVIL)),
        accuracy=Accuracy(
            EVIL,
            4,
            ("a",),
            (AccuracyRow(EVIL, 40.0, None), AccuracyRow("AP50", 60.0, 59.0, (0.5, 1.5))),
        ),
        parity=parity(orphans=(EVIL,)),
        max_ap_drop=0.5,
        latency=LatencyReport(
            "p50",
            Position.SLOWER,
            None,
            6.1,
            EndToEnd(
                4, 1, 20, (StageTimes(EVIL, 1.0, 1.1, 1.2),), StageTimes("total", 7.0, 7.1, 7.2)
            ),
            Attribution(
                (
                    ModuleGap(EVIL, "head", 1.0, 2.5, 0.5, (EVIL,)),
                    ModuleGap("stem", "backbone", 3.0, 3.0, seen=False),
                ),
                6.0,
                9,
            ),
        ),
        precision=PrecisionRecord(
            (
                PrecisionRow(
                    "int8",
                    EVIL,
                    7,
                    1,
                    (AccuracyRow("AP", 40.0, 39.0, (0.5, 1.5)),),
                    0.98,
                    measured(),
                    delivered=True,
                ),
            ),
            CalibrationRecord(EVIL, "entropy", 3, (CalibrationImage(EVIL, "0" * 64),)),
            (KeptNode(EVIL, "Conv", EVIL, 12.3, 4.0),),
            SearchRecord(0.5, 8, 5, 4, True, 9.0, 0.2, "onnxruntime"),
        ),
        samples=(
            Sample(
                EVIL,
                (Picture("torch", b"\xff\xd8jpeg", EVIL), Picture("engine", b"\xff\xd8gepj", "b")),
            ),
        ),
        tensorrt=(
            CheckReport(Target((8, 6)), 9, 50, ()),
            CheckReport(
                Target((11, 1)),
                9,
                50,
                (Finding("r1", "graph", Severity.FAIL, EVIL, "If", EVIL, EVIL, EVIL, False),) * 2,
            ),
        ),
        certificates=(
            CertificateRow(EVIL, Outcome.PASS, "+0.10", "0.9999", 6.1, EVIL, "2026-01-02"),
        ),
        files=((EVIL, "0" * 64),),
        provenance=((EVIL, EVIL),),
        commands=(EVIL, "detfit demo"),
    )
