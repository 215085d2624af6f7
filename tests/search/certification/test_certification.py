"""What a certification leaves behind: its file, the finalist, what is shown, what is refused."""

import json
import math
from pathlib import Path

import pytest

from latency import Predictor
from search import (
    CertifySettings,
    JournalError,
    RunError,
    SearchResult,
    certify_run,
    choose_finalist,
    describe_certification,
    describe_result,
    load_certification,
    load_result,
    view_certification,
)
from search.certification.certification import CERTIFICATION_FILE
from tests.search.certification.bench import SPACE, Bench, front_codes, middle


def test_the_finalist_is_a_certified_one(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    budget = middle(searched)
    first = front_codes(searched, budget)[0]
    found = certify_run(run, budget_ms=budget, bench=Bench(predictor, {first: (2.0,)}))
    for asked in (None, budget):
        finalist = choose_finalist(str(run), budget_ms=asked)
        assert SPACE.encode(finalist.architecture) != first
        assert finalist.certified is not None
        assert finalist.budget_ms == budget
    rows = describe_result(load_result(run))["certified"]
    assert [row["arch"] for row in rows] == [each.arch for each in found.certified]


def test_nothing_certified_leaves_no_finalist(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    budget = middle(searched)
    found = certify_run(run, budget_ms=budget, bench=Bench(predictor, {}, usual=50.0))
    assert not found.certified
    with pytest.raises(RunError, match=r"none is certified to keep .* ms \(first: a build took"):
        choose_finalist(str(run), budget_ms=budget)
    assert choose_finalist(str(run), budget_ms=2 * budget).certified is None


def test_it_is_shown_to_people_and_machines(
    run: Path, searched: SearchResult, predictor: Predictor
) -> None:
    found = certify_run(run, budget_ms=middle(searched), bench=Bench(predictor, {}))
    fields = json.loads(json.dumps(describe_certification(found, run), allow_nan=False))
    assert fields["best"] == fields["certified"][0] == found.certified[0].arch
    first = fields["candidates"][0]
    assert {"predicted_ms", "measured_ms", "upper_ms", "error", "reason"} <= first.keys()
    view = view_certification(found)
    assert view["members, in ms"][0]["error"] in ("+0.0%", "-0.0%")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ('{"schema_version": 9}', "schema version 9; this detfit reads 1"),
        ('{"schema_version": 1}', "objective: Field required"),
    ],
)
def test_a_damaged_certification_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / CERTIFICATION_FILE).write_text(text)
    with pytest.raises(JournalError, match=message) as caught:
        load_certification(tmp_path)
    assert "\n" not in str(caught.value)


def test_refusals(run: Path, searched: SearchResult, predictor: Predictor) -> None:
    bench = Bench(predictor, {})
    with pytest.raises(RunError, match="was searched without a budget; give one"):
        certify_run(run, bench=bench)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(RunError, match="number of ms above 0"):
            certify_run(run, budget_ms=wrong, bench=bench)
    with pytest.raises(RunError, match=r"has no result within 0\.001 ms to certify"):
        certify_run(run, budget_ms=0.001, bench=bench)
    for settings in ({"builds": 2}, {"most": 0}, {"confidence": 95.0}):
        with pytest.raises(RunError, match=next(iter(settings))):
            CertifySettings(**settings)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"name the table \(--record\), or leave them out"):
        certify_run(run, weights="w.safetensors", bench=bench)
    (run / "predictor.json").unlink()
    with pytest.raises(RunError, match="rests on no measured predictor"):
        certify_run(run, budget_ms=1.0, bench=bench)
    assert not (run / CERTIFICATION_FILE).exists()
