import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from detection.data.annotations import CocoAnnotations
from detection.data.rle import encode_rle
from detection.errors import MetricError
from detection.metric.coco_ap import evaluate_coco
from detection.metric.detections import ImageDetections
from detection.metric.image_matches import match_images
from detection.metric.weighted_ap import AP_NAMES, weighted_ap

from .conftest import CATEGORY_IDS, Load, noisy_detections, random_document

IMAGES = 10


def by_pycocotools(
    annotations: CocoAnnotations, found: list[ImageDetections], iou_type: str = "bbox"
) -> list[float]:
    report = evaluate_coco(annotations, found, backend="pycocotools", iou_type=iou_type)
    return [getattr(report, name) for name in AP_NAMES]


def unweighted(
    annotations: CocoAnnotations, found: list[ImageDetections], iou_type: str = "bbox"
) -> list[float]:
    matches = match_images(annotations, found, iou_type=iou_type)
    row: list[float] = weighted_ap(matches, np.ones((1, len(matches)), np.int64))[0].tolist()
    return row


def copied(
    document: dict[str, Any], found: list[ImageDetections], weights: list[int]
) -> tuple[dict[str, Any], list[ImageDetections]]:
    """Write every image down as often as it counts."""
    made = {**copy.deepcopy(document), "images": [], "annotations": []}
    detections = []
    for image, item, weight in zip(document["images"], found, weights, strict=True):
        for _ in range(weight):
            number = len(made["images"]) + 1
            made["images"].append({**image, "id": number, "file_name": f"{number}.png"})
            detections.append(replace(item, image_id=number))
            for row in document["annotations"]:
                if row["image_id"] == image["id"]:
                    copy_id = len(made["annotations"]) + 1
                    made["annotations"].append({**row, "id": copy_id, "image_id": number})
    return made, detections


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
def test_each_image_once_gives_pycocotools_numbers(load: Load, seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    document = random_document(rng, IMAGES, most=8)
    found = noisy_detections(document, rng, ties)
    annotations = load(document)
    shuffled = [found[i] for i in rng.permutation(len(found))]
    expected = by_pycocotools(annotations, shuffled)
    np.testing.assert_allclose(unweighted(annotations, shuffled), expected, rtol=0, atol=1e-12)
    assert 0.05 < expected[0] < 0.95


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_copies_of_images(load: Load, seed: int) -> None:
    rng = np.random.default_rng(seed)
    document = random_document(rng, IMAGES, most=6)
    found = noisy_detections(document, rng, ties=False)
    weights = rng.multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=3)
    got = weighted_ap(match_images(load(document), found), weights)
    for row, expected in zip(weights.tolist(), got, strict=True):
        made, detections = copied(document, found, row)
        np.testing.assert_allclose(
            by_pycocotools(load(made), detections), expected, rtol=0, atol=1e-12
        )


def test_images_out_of_the_order_of_their_ids(load: Load) -> None:
    """Pycocotools breaks ties between images by their ids, not by their place in the file."""
    rng = np.random.default_rng(3)
    document = random_document(rng, IMAGES, most=8)
    found = noisy_detections(document, rng, ties=True)
    document["images"].reverse()
    annotations = load(document)
    expected = by_pycocotools(annotations, found)
    np.testing.assert_allclose(unweighted(annotations, found), expected, rtol=0, atol=1e-12)


def test_more_detections_than_count(load: Load) -> None:
    rng = np.random.default_rng(0)
    document = random_document(rng, 4, most=8)
    many = [
        ImageDetections(
            image["id"],
            np.array([[x, y, x + s, y + s] for x, y, s in rng.uniform(5, 150, (400, 3))]),
            rng.random(400),
            rng.choice(CATEGORY_IDS, 400),
        )
        for image in document["images"]
    ]
    annotations = load(document)
    expected = by_pycocotools(annotations, many)
    np.testing.assert_allclose(unweighted(annotations, many), expected, rtol=0, atol=1e-12)


def test_masks(load: Load, tmp_path: Any) -> None:
    import json

    rng = np.random.default_rng(1)
    document = random_document(rng, 6, most=5)
    for row in document["annotations"]:
        x, y, width, height = row["bbox"]
        row["segmentation"] = [[x, y, x + width, y, x + width, y + height]]
    found = []
    for item in noisy_detections(document, rng, ties=False):
        corners = np.rint(item.boxes).astype(int).clip(0, (400, 300) * 2)
        masks = tuple(
            encode_rle(
                np.tri(max(y2 - y1, 1), max(x2 - x1, 1), dtype=bool).T.T[:, ::-1][::-1],
                (400, 500),
                y1,
                x1,
            )
            for x1, y1, x2, y2 in corners.tolist()
        )
        found.append(replace(item, masks=masks))
    for image in document["images"]:
        image.update(height=400, width=500)
    (tmp_path / "masks.json").write_text(json.dumps(document))
    annotations = CocoAnnotations.load(tmp_path / "masks.json", masks=True)
    expected = by_pycocotools(annotations, found, "segm")
    got = unweighted(annotations, found, "segm")
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    assert expected[0] > 0


def test_without_objects_or_detections(load: Load) -> None:
    document = random_document(np.random.default_rng(0), 3, most=3)
    assert unweighted(load(document), [])[0] == 0
    empty = {**document, "annotations": []}
    assert all(map(math.isnan, unweighted(load(empty), [])))
    matches = match_images(
        load(document), noisy_detections(document, np.random.default_rng(0), False)
    )
    assert weighted_ap(matches, np.zeros((0, 3), np.int64)).shape == (0, 6)
    assert np.isnan(weighted_ap(matches, np.zeros((1, 3), np.int64))).all()


@settings(max_examples=25, deadline=None)
@given(scale=st.integers(1, 5), weights=st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_all_images_as_often_as_once(scale: int, weights: list[int]) -> None:
    """A data set n times over has the same AP."""
    matches = match_images(*_FIXED)
    rows = np.array([weights, [scale * weight for weight in weights]])
    once, often = weighted_ap(matches, rows)
    np.testing.assert_allclose(once, often, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (np.ones((2, 4), np.int64), r"\(b, 5\)"),
        (np.ones(5, np.int64), r"\(b, 5\)"),
        (np.ones((1, 5)), "integers"),
        (np.full((1, 5), -1), ">= 0"),
    ],
)
def test_weights_of_other_images_are_refused(weights: Any, match: str) -> None:
    with pytest.raises(MetricError, match=match):
        weighted_ap(match_images(*_FIXED), weights)


def test_what_cannot_be_scored_is_not_matched_either(load: Load) -> None:
    document = random_document(np.random.default_rng(0), 2, most=3)
    annotations = load(document)
    with pytest.raises(MetricError, match="unknown"):
        match_images(annotations, [ImageDetections(9, [], [], [])])  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="outlines"):
        match_images(annotations, [], iou_type="segm")


def _fixed() -> tuple[CocoAnnotations, list[ImageDetections]]:
    import json
    from pathlib import Path
    from tempfile import TemporaryDirectory

    rng = np.random.default_rng(8)
    document = random_document(rng, 5, most=6)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_text(json.dumps(document))
        return CocoAnnotations.load(path), noisy_detections(document, rng, ties=False)


_FIXED = _fixed()
