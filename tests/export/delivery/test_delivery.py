"""From a weights file to a bundle: what belongs together, and which budget counts."""

from pathlib import Path

import pytest
import torch

from export import (
    BundleError,
    Check,
    Delivery,
    ExportResult,
    Outcome,
    deliver,
    load_bundle,
    load_detector,
)
from latency import Predictor, read_table, save_predictor
from tests.export.conftest import FAST
from tests.export.delivery.conftest import (
    BEST,
    BUDGET_MS,
    CODES,
    SECOND,
    SPACE,
    Deliver,
    MakeWeights,
)


def check(result: ExportResult, name: str) -> Check:
    (found,) = [each for each in result.verdict.checks if each.name == name]
    return found


def test_the_best_of_a_run(send: Deliver, run: Path, data_folder: Path, weights: Path) -> None:
    result = send(run, data_dir=data_folder, commands=("detfit export run",))
    manifest = load_bundle(result.bundle.path).manifest
    assert manifest.origin.arch == f"detnas-nano:{BEST}"
    assert manifest.origin.seed == 7
    assert manifest.origin.commands == ("detfit export run",)
    assert manifest.limits.budget_ms == BUDGET_MS
    assert check(result, "budget").outcome is Outcome.PASS
    assert result.report is not None
    assert result.report.parity.matched_fraction > 0.9  # untrained: some scores nearly tie
    assert manifest.predicted is not None
    assert manifest.predicted.p50_ms > 1.0  # the simulated device's, not this machine's
    assert manifest.predicted.device
    assert f"of another device ({manifest.predicted.device})" in check(result, "prediction").reason
    again = load_detector(manifest.origin, result.bundle.weights_path)
    mine = load_detector(manifest.origin, weights)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for a, b in zip(again(images), mine(images), strict=True):
            assert torch.equal(a, b)


def test_the_report_shows_the_front_with_the_choice(send: Deliver, run: Path) -> None:
    page = send(run).bundle.report_path.read_text()
    for code in CODES:
        assert code in page


def test_any_member_of_a_run_may_be_exported(
    send: Deliver, run: Path, make_weights: MakeWeights
) -> None:
    result = send(run, weights=make_weights(SECOND))
    assert result.bundle.manifest.origin.arch == f"detnas-nano:{SECOND}"


def test_an_explicit_budget_wins_and_an_impossible_one_fails(send: Deliver, run: Path) -> None:
    result = send(run, budget_ms=1e-4)
    assert result.verdict.outcome is Outcome.FAIL
    assert not result.verdict.passed
    assert check(result, "budget").outcome is Outcome.FAIL
    bundle = load_bundle(result.bundle.path)
    assert bundle.manifest.limits.budget_ms == 1e-4
    assert bundle.manifest.verdict.outcome is Outcome.FAIL
    assert "FAIL" in bundle.report_path.read_text()


def test_a_named_architecture_has_no_budget_and_no_prediction(send: Deliver) -> None:
    result = send(f"detnas-nano:{BEST}")
    manifest = result.bundle.manifest
    assert (manifest.limits.budget_ms, manifest.predicted) == (None, None)
    assert check(result, "budget").outcome is Outcome.NOT_JUDGED
    assert check(result, "parity").outcome is Outcome.INCONCLUSIVE  # no data to verify on
    assert not result.verdict.passed


def test_a_predictor_and_a_table_may_be_named(
    send: Deliver, predictor: Predictor, table_path: Path, tmp_path: Path
) -> None:
    save_predictor(tmp_path / "p.json", predictor)
    target, table = f"detnas-nano:{BEST}", read_table(table_path)
    result = send(target, predictor=tmp_path / "p.json", table=table)
    spec = SPACE.detector(SPACE.decode(BEST))
    assert result.bundle.manifest.predicted is not None
    expected = pytest.approx(predictor.predict(spec).p50_ms)
    assert result.bundle.manifest.predicted.p50_ms == expected
    assert table.detectors()[0][0].label in result.bundle.report_path.read_text()


def test_a_bundle_is_replaced_only_on_request(
    send: Deliver, weights: Path, tmp_path: Path
) -> None:
    first = send(f"detnas-nano:{BEST}")
    with pytest.raises(BundleError, match="is a bundle already; overwrite it with --overwrite"):
        send(f"detnas-nano:{BEST}")
    delivery = Delivery(
        target=f"detnas-nano:{BEST}", weights=weights, protocol=FAST, budget_ms=50.0
    )
    again = deliver(delivery, first.bundle.path, overwrite=True)
    assert again.bundle.manifest.limits.budget_ms == 50.0


def test_classes_without_names_are_numbered(send: Deliver, make_weights: MakeWeights) -> None:
    result = send(f"detnas-nano:{BEST}", weights=make_weights(BEST, num_classes=2))
    assert result.bundle.labels == ("class 0", "class 1")
