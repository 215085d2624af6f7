import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detection.errors import MetricError
from detection.metric.class_ap import APS, ClassAp, coco_rows
from detection.metric.coco_ap import CocoReport, evaluate_coco
from detection.metric.detections import ImageDetections

from .conftest import CATEGORY_IDS, Load, noisy_detections, random_document


@pytest.mark.parametrize("backend", ["faster-coco-eval", "pycocotools"])
def test_a_class_has_the_numbers_of_a_data_set_with_it_alone(load: Load, backend: str) -> None:
    rng = np.random.default_rng(4)
    document = random_document(rng, 12, 8)
    detections = noisy_detections(document, rng, False)
    report = evaluate_coco(load(document), detections, backend=backend)
    for item, category_id in zip(report.classes, CATEGORY_IDS, strict=True):
        alone = _only(document, category_id)
        mine = [_only_of(one, category_id) for one in detections]
        expected = evaluate_coco(load(alone), mine, backend=backend)
        assert item.category_id == category_id
        for name in APS:
            np.testing.assert_allclose(getattr(item, name), getattr(expected, name), atol=1e-12)
    assert any(not math.isnan(item.ap_s) for item in report.classes)
    assert [item.ap for item in report.classes] == [row[2] for row in report.class_ap]


def _only(document: dict[str, Any], category_id: int) -> dict[str, Any]:
    rows = [row for row in document["annotations"] if row["category_id"] == category_id]
    return {**document, "annotations": rows, "categories": [{"id": category_id, "name": "c"}]}


def _only_of(found: ImageDetections, category_id: int) -> ImageDetections:
    mine = found.category_ids == category_id
    return ImageDetections(
        found.image_id, found.boxes[mine], found.scores[mine], found.category_ids[mine]
    )


def test_tables_and_json(load: Load) -> None:
    rng = np.random.default_rng(4)
    document = random_document(rng, 6, 5)
    report = evaluate_coco(load(document), noisy_detections(document, rng, False))
    rows = coco_rows(report)
    assert [row["class"] for row in rows] == ["all", "c2", "c5", "c90"]
    assert rows[0]["ap50"] == round(100 * report.ap50, 2)
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert CocoReport.from_dict(json.loads(text)).to_dict() == report.to_dict()
    older = {name: value for name, value in report.to_dict().items() if name != "classes"}
    assert CocoReport.from_dict(older).classes == ()


def test_masks_have_rows_of_their_own(load: Load) -> None:
    rng = np.random.default_rng(4)
    document = random_document(rng, 6, 5)
    boxes = evaluate_coco(load(document), noisy_detections(document, rng, False))
    masks = evaluate_coco(load(document), noisy_detections(document, rng, False))
    rows = coco_rows(replace(boxes, masks=masks))
    assert [(row.pop("class"), row.pop("of")) for row in rows] == [
        (name, of) for name in ("all", "c2", "c5", "c90") for of in ("boxes", "masks")
    ]
    for alone, mine in ((boxes, rows[::2]), (masks, rows[1::2])):
        numbers = [{ap: row[ap] for ap in APS} for row in coco_rows(alone)]
        assert mine == numbers
    assert rows[::2] != rows[1::2]


@pytest.mark.parametrize("data", [{}, {"name": "a"}, 3, None])
def test_what_is_no_class(data: Any) -> None:
    with pytest.raises(MetricError, match="not the accuracy of a class"):
        ClassAp.from_dict(data)
