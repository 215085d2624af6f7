"""Runs and trainings as fields."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from detection import CocoReport, TrainConfig, VocClassAp, VocReport, train_detector
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


def test_masks_and_voc_have_scores_of_their_own(shapes: Path, tmp_path: Path) -> None:
    space = make_space("detnas-nano", **OPTIONS)
    config, output = TrainConfig(steps=1, batch_size=2), tmp_path / "w.safetensors"
    arch = space.decode("0" * 10)
    trained = train_detector(space, arch, shapes, config, output, space_options=OPTIONS)
    assert not [name for name in describe_training(trained) if name.startswith(("mask", "voc"))]
    masks = _changed(trained.accuracy, {"ap": 0.25, "ap50": 0.5, "ap75": float("nan")})
    one = VocClassAp("cat", 1, ap=0.75, ap_11_points=0.7, objects=2, ignored=0, detections=3)
    both = replace(
        trained,
        accuracy=replace(trained.accuracy, masks=masks),
        voc=VocReport((one,), least_iou=0.5, n_images=4, n_detections=3),
    )
    fields = describe_training(both)
    assert (fields["mask_ap"], fields["mask_ap50"], fields["mask_ap75"]) == (25.0, 50.0, None)
    assert (fields["voc_ap50"], fields["voc_ap50_11_points"]) == (75.0, 70.0)
