import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import CocoAnnotations, DatasetError, Preprocess, detect_dataset, evaluate_coco
from export import Detections, ExportResult, Session, VerificationError
from export.comparison.compare import compare
from export.comparison.data import open_data
from export.comparison.scoring import METRICS, score, shared_classes


def rename(folder: Path, names: dict[str, str], tmp_path: Path) -> Path:
    """A copy of a data folder whose categories have other names."""
    copy = Path(shutil.copytree(folder, tmp_path / "renamed"))
    path = copy / "annotations" / "instances_val.json"
    document = json.loads(path.read_text())
    for category in document["categories"]:
        category["name"] = names.get(category["name"], category["name"])
    path.write_text(json.dumps(document))
    return copy


def test_equal_sides_agree(torch_session: Session[Any], data_folder: Path) -> None:
    data = open_data(data_folder, "val", torch_session.preprocess)
    found = compare(torch_session, torch_session, data)
    assert found.parity.images == len(data) == 4
    assert found.parity.matched_fraction == 1.0
    assert found.parity.torch_detections > 0
    assert [row.metric for row in found.accuracy.rows] == list(METRICS)
    for row in found.accuracy.rows:
        assert row.torch == row.engine
        wanted = (0.0, 0.0) if row.metric.startswith("AP") and row.torch is not None else None
        assert row.drop_ci == wanted
    assert found.accuracy.resamples == 1000
    assert (found.accuracy.row("AP").torch or 0) > 30, "the annotations are its own detections"


def test_accuracy_is_what_the_detection_room_computes(
    torch_session: Session[Any], data_folder: Path
) -> None:
    data = open_data(data_folder, "val", torch_session.preprocess)
    found = compare(torch_session, torch_session, data)
    module = torch_session.engine
    expected = evaluate_coco(
        data.annotations,
        detect_dataset(lambda images: tuple(module.run({"image": images}).values()), data.dataset),  # type: ignore[arg-type]
    )
    for row in found.accuracy.rows:
        value = 100 * getattr(expected, METRICS[row.metric])
        assert row.torch == (pytest.approx(value) if np.isfinite(value) else None)


def test_progress_counts_images(torch_session: Session[Any], data_folder: Path) -> None:
    calls: list[float] = []
    data = open_data(data_folder, "val", torch_session.preprocess, limit=3)
    compare(torch_session, torch_session, data, lambda _, done, total: calls.append(done / total))
    # The images one by one, then the resampling of all of them.
    assert calls == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0, 1.0]


def test_classes_are_matched_by_name(
    torch_session: Session[Any], data_folder: Path, tmp_path: Path
) -> None:
    renamed = rename(data_folder, {"circle": "wheel", "square": " Square "}, tmp_path)
    data = open_data(renamed, "val", torch_session.preprocess)
    assert shared_classes(torch_session.labels, data.annotations) == ("square", "triangle")
    found = compare(torch_session, torch_session, data)
    assert found.accuracy.classes == ("square", "triangle")
    assert found.accuracy.rows


def test_no_shared_class_is_not_comparable(
    torch_session: Session[Any], data_folder: Path, tmp_path: Path
) -> None:
    names = {"circle": "a", "square": "b", "triangle": "c"}
    data = open_data(rename(data_folder, names, tmp_path), "val", torch_session.preprocess)
    found = compare(torch_session, torch_session, data)
    assert (found.torch_coco, found.engine_coco, found.accuracy.rows) == (None, None, ())
    assert "share no class" in found.accuracy.note
    assert found.parity.torch_detections > 0
    with pytest.raises(VerificationError, match="none of the classes circle"):
        score([], data.annotations, torch_session.labels)


def test_no_object_of_a_shared_class_is_not_comparable(
    torch_session: Session[Any], data_folder: Path, tmp_path: Path
) -> None:
    copy = rename(data_folder, {}, tmp_path)
    path = copy / "annotations" / "instances_val.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": []}))
    data = open_data(copy, "val", torch_session.preprocess)
    found = compare(torch_session, torch_session, data)
    assert found.accuracy.rows == ()
    assert "hold no object" in found.accuracy.note


def test_the_order_of_categories_does_not_matter(data_folder: Path) -> None:
    annotations = CocoAnnotations.load(data_folder / "annotations" / "instances_val.json")
    found = []
    for index in range(len(annotations.images)):
        boxes, labels = annotations.training_objects(index)
        found.append(Detections(boxes, np.ones(len(labels)), labels))
    order = ("circle", "square", "triangle")
    assert score(found, annotations, order).ap == pytest.approx(1.0)
    swapped = [replace(item, labels=2 - item.labels) for item in found]
    assert score(swapped, annotations, order[::-1]).ap == pytest.approx(1.0)
    assert score(found, annotations, ("x", "square", "y")).ap == pytest.approx(1.0)


def test_detections_of_unknown_classes_do_not_count(data_folder: Path) -> None:
    annotations = CocoAnnotations.load(data_folder / "annotations" / "instances_val.json")
    found = []
    for index in range(len(annotations.images)):
        boxes, labels = annotations.training_objects(index)
        known = labels == 1
        extra = np.full(50, 3)
        found.append(
            Detections(
                np.vstack([np.tile([0.0, 0.0, 9.0, 9.0], (50, 1)), boxes[known]]),
                np.ones(50 + known.sum()),
                np.concatenate([extra, labels[known]]),
            )
        )
    assert score(found, annotations, ("x", "square", "y", "z")).ap == pytest.approx(1.0)


def test_bad_data_is_refused(data_folder: Path) -> None:
    with pytest.raises(DatasetError, match="no such data folder"):
        open_data(data_folder / "nowhere", "val", Preprocess((64, 64)))
    with pytest.raises(DatasetError, match="'train'"):
        open_data(data_folder, "train", Preprocess((64, 64)))
    with pytest.raises(VerificationError, match="at least 1 image, got 0"):
        open_data(data_folder, "val", Preprocess((64, 64)), limit=0)


def test_the_exported_engine_agrees(
    exported: ExportResult, torch_session: Session[Any], data_folder: Path
) -> None:
    data = open_data(data_folder, "val", torch_session.preprocess)
    with Session.open(exported.bundle) as engine:
        found = compare(torch_session, engine, data)
    assert found.parity.matched_fraction >= 0.99
    assert found.parity.max_score_difference < 1e-4


def test_each_side_has_its_own_labels(torch_session: Session[Any], data_folder: Path) -> None:
    """A class is what its name says, whatever its number; a name that is wrong matches nothing."""
    data = open_data(data_folder, "val", torch_session.preprocess)
    plain = compare(torch_session, torch_session, data)
    other = Session(
        torch_session.engine,
        torch_session.preprocess,
        torch_session.postprocess,
        ("square", "circle", "triangle"),
    )
    swapped = compare(torch_session, other, data)
    assert plain.parity.f1 == 1.0
    assert swapped.parity.f1 < 1.0
    assert swapped.accuracy.row("AP").drop > 0
    assert {group.name for group in swapped.parity.groups} >= {"circle", "square", "triangle"}
    other.labels = ("x", "y", "z")
    unknown = compare(torch_session, other, data)
    assert unknown.parity.torch_matched == 0
    assert unknown.accuracy.row("AP").engine == 0.0
