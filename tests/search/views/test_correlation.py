"""Correlations of architecture factors with what was found; figure 5 of SM-NAS."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from search import (
    CallableEvaluator,
    Correlation,
    Objective,
    RunError,
    SearchResult,
    correlations,
    counted_objective,
    describe_correlations,
    run_search,
)
from search.conformance import GOALS, quality
from search.spaces.digits import DigitSpace
from search.views.correlation import _interval, _standardised
from searchspaces import Architecture, make_space
from tests.search.structures import STRUCTURES, stage_two_run

OPTIONS = {**STRUCTURES, "structure": "resnet18/P2-P5@128/rpn/2fc/512x512"}
SPACE = make_space("smnas-modular", **OPTIONS)
NAMES: tuple[str, ...] = SPACE.feature_names  # type: ignore[attr-defined]
DEPTH, BASE = NAMES.index("depth"), NAMES.index("log2 base channels")


def accuracy(arch: Architecture) -> float:
    """Rise with the depth, and with nothing else."""
    return float(SPACE.features(arch)[DEPTH]) ** 3


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    goals = (counted_objective("macs", SPACE), Objective("ap", "max", "AP"))
    return run_search(
        SPACE,
        "random",
        CallableEvaluator(accuracy, "ap"),
        goals,
        evals=60,
        out_dir=tmp_path_factory.mktemp("run"),
        space_options=OPTIONS,
    )


@pytest.fixture(scope="module")
def found(result: SearchResult) -> dict[tuple[str, str], Correlation]:
    return {(each.factor, each.objective): each for each in correlations(result)}


def test_every_factor_meets_every_objective(
    found: dict[tuple[str, str], Correlation],
) -> None:
    assert list(found) == [(name, goal) for name in NAMES for goal in ("macs", "ap")]
    assert all(each.n == 60 for each in found.values())


def test_the_figures_are_scipy_s(
    result: SearchResult, found: dict[tuple[str, str], Correlation]
) -> None:
    factors = np.array([SPACE.features(arch) for arch in result.architectures])
    for (name, goal), each in found.items():
        x, y = factors[:, NAMES.index(name)], result.values[:, ["macs", "ap"].index(goal)]
        if each.spearman is None:
            assert np.ptp(x) == 0
            continue
        assert each.spearman == pytest.approx(spearmanr(x, y).statistic)
        assert each.pearson == pytest.approx(pearsonr(x, y).statistic)
        assert each.kendall == pytest.approx(kendalltau(x, y).statistic)


def test_what_decides_is_seen(found: dict[tuple[str, str], Correlation]) -> None:
    depth = found["depth", "ap"]
    assert (depth.spearman, depth.kendall) == (pytest.approx(1), pytest.approx(1))
    assert depth.spearman_interval == (pytest.approx(1), pytest.approx(1))
    base = found["log2 base channels", "ap"]
    assert base.spearman_interval is not None
    assert base.spearman_interval[0] < 0 < base.spearman_interval[1]


def test_a_factor_that_never_changes_tells_nothing(
    found: dict[tuple[str, str], Correlation],
) -> None:
    block = found["basicblock", "ap"]
    told = (block.kendall, block.spearman, block.pearson)
    assert told == (None, None, None)
    assert (block.spearman_interval, block.pearson_interval) == (None, None)


def test_the_front_is_a_choice_of_its_own(tmp_path: Path) -> None:
    result = stage_two_run(tmp_path, OPTIONS, evals=30)
    on_front = correlations(result, on_front=True)
    assert 5 <= len(result.front) < 30
    assert all(each.n == len(result.front) for each in on_front)
    fields = describe_correlations(result)
    assert json.loads(json.dumps(fields, allow_nan=False))["front"][0]["n"] == len(result.front)


def test_a_seed_repeats_the_intervals(
    result: SearchResult, found: dict[tuple[str, str], Correlation]
) -> None:
    assert list(correlations(result)) == list(found.values())
    other = {(e.factor, e.objective): e for e in correlations(result, seed=1)}
    mine, theirs = (each["depth", "macs"] for each in (found, other))
    assert mine.spearman == theirs.spearman
    assert mine.spearman_interval != theirs.spearman_interval


def test_too_few_tell_nothing(result: SearchResult) -> None:
    assert correlations(replace(result, history=result.history[:4])) == ()
    assert correlations(replace(result, history=())) == ()
    assert correlations(replace(result, history=result.history[:5])) != ()


def test_failures_do_not_count(result: SearchResult) -> None:
    first, *rest = result.history
    failed = replace(first, status="failed", values=(float("nan"),) * 2)
    assert {e.n for e in correlations(replace(result, history=(failed, *rest)))} == {59}


def test_a_foreign_space_has_no_known_factors(tmp_path: Path) -> None:
    evaluator = CallableEvaluator(quality, "quality")
    result = run_search(DigitSpace(), "random", evaluator, GOALS, evals=6, out_dir=tmp_path)
    with pytest.raises(RunError, match="'digits', which is none of the project's spaces"):
        correlations(result)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of normal pairs with correlation 0.6; 40 of them are few, so a little less is allowed."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):
        x = rng.normal(size=40)
        y = 0.6 * x + 0.8 * rng.normal(size=40)
        drawn = rng.integers(40, size=(200, 40))
        bounds = _interval(_standardised(x[drawn]), _standardised(y[drawn]))
        assert bounds is not None
        covered += bounds[0] <= 0.6 <= bounds[1]
    assert 0.88 <= covered / 200 <= 0.98


def test_a_rare_factor_has_no_interval() -> None:
    """Where one of 40 differs, a third of the resamples do not hold it."""
    rng = np.random.default_rng(0)
    x, y = np.eye(40)[0], rng.normal(size=40)
    drawn = rng.integers(40, size=(200, 40))
    assert _interval(_standardised(x[drawn]), _standardised(y[drawn])) is None
