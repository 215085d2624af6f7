"""Runs and trainings as fields."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from detection import CocoReport, TrainConfig, train_detector
from search import SearchResult, describe_result, describe_training
from searchspaces import make_space
from tests.search.conftest import OPTIONS


def test_a_run(finished: SearchResult) -> None:
    fields = describe_result(finished)
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert (fields["evaluated"], fields["evaluations"], fields["complete"]) == (4, 4, True)
    assert fields["budget_ms"] == 200.0
    assert fields["failed"] == []
    best = max(fields["front"], key=lambda row: row["ap"])
    assert fields["best"] == best["arch"]
    assert best["ap"] == finished.values[:, 1].max()
    assert [row["latency_ms"] for row in fields["front"]] == sorted(
        row["latency_ms"] for row in fields["front"]
    )


def test_a_budget_cuts_the_front(finished: SearchResult) -> None:
    fastest = float(finished.values[:, 0].min())
    fields = describe_result(finished, fastest)
    assert [row["latency_ms"] for row in fields["front"]] == [fastest]
    assert fields["budget_ms"] == fastest
    nothing = describe_result(finished, fastest / 2)
    assert (nothing["front"], nothing["best"]) == ([], None)


def test_failures_are_told(finished: SearchResult) -> None:
    first, *rest = finished.history
    failed = replace(first, status="failed", values=(float("nan"),) * 2, error="ValueError: no")
    fields = describe_result(replace(finished, history=(failed, *rest)))
    assert fields["failed"] == [f"{first.code}: ValueError: no"]
    assert fields["evaluated"] == 4


def test_a_training(shapes: Path, tmp_path: Path) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    trained = train_detector(
        space,
        space.decode("0" * 10),
        shapes,
        TrainConfig(steps=2, batch_size=2, log_every=1),
        tmp_path / "w.safetensors",
        space_options=OPTIONS,
    )
    fields = describe_training(trained)
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert fields["weights"] == str(tmp_path / "w.safetensors")
    assert (fields["steps"], fields["resumed_at"], fields["images"]) == (2, 0, 4)
    assert fields["loss"] == trained.training.history[-1].total
    assert fields["ap50"] == pytest.approx(100 * trained.accuracy.ap50)
    nan = {name: float("nan") for name in ("ap", "ap50", "ap75")}
    empty = describe_training(replace(trained, accuracy=_changed(trained.accuracy, nan)))
    assert (empty["ap"], empty["ap50"], empty["ap75"]) == (None, None, None)


def _changed(report: CocoReport, values: dict[str, float]) -> CocoReport:
    return replace(report, **values)  # type: ignore[arg-type]
