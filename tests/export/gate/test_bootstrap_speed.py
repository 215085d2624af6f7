"""The paired bootstrap takes seconds on images as crowded as COCO's."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from detection import CocoAnnotations, ImageDetections, match_images
from export import paired_drops

IMAGES, CLASSES, OBJECTS, DETECTIONS = 200, 80, 7, 100
RESAMPLES = 1000
MOST_SECONDS = 10.0  # on two cores
SIDE = np.array([640.0, 480.0])


def corners(rng: np.random.Generator, count: int) -> np.ndarray:
    sizes = np.minimum(np.exp(rng.uniform(2, 6, (count, 2))), SIDE - 40)
    starts = rng.uniform(0, 1, (count, 2)) * (SIDE - sizes)
    return np.hstack([starts, starts + sizes])


def crowd(rng: np.random.Generator, path: Path) -> tuple[CocoAnnotations, list[ImageDetections]]:
    """Objects of few common and many rare classes, most of them found, among false ones."""
    share = 1 / np.arange(1, CLASSES + 1)
    rows, found = [], []
    for image in range(1, IMAGES + 1):
        boxes = corners(rng, OBJECTS)
        labels = rng.choice(CLASSES, OBJECTS, p=share / share.sum()) + 1
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
            xywh = [*box[:2], box[2] - box[0], box[3] - box[1]]
            rows.append({"id": len(rows) + 1, "image_id": image, "category_id": label})
            rows[-1].update(bbox=xywh, area=xywh[2] * xywh[3], iscrowd=0)
        false = DETECTIONS - OBJECTS
        near = boxes + rng.normal(0, 0.05, boxes.shape) * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        scores = np.concatenate([rng.beta(3, 2, OBJECTS), rng.beta(1, 6, false)])
        labels = np.concatenate([labels, rng.integers(1, CLASSES + 1, false)])
        found.append(
            ImageDetections(image, np.vstack([near, corners(rng, false)]), scores, labels)
        )
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 480}
        for i in range(1, IMAGES + 1)
    ]
    categories = [{"id": i, "name": f"class {i}"} for i in range(1, CLASSES + 1)]
    document = {"images": images, "annotations": rows, "categories": categories}
    path.write_text(json.dumps(document))
    return CocoAnnotations.load(path), found


def disturbed(rng: np.random.Generator, found: ImageDetections) -> ImageDetections:
    boxes = found.boxes + rng.normal(0, 0.3, found.boxes.shape)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    scores = found.scores + rng.normal(0, 0.02, len(found))
    return ImageDetections(found.image_id, boxes, scores, found.category_ids)


@pytest.mark.timing
def test_a_thousand_resamples_of_200_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    annotations, torch = crowd(rng, tmp_path / "a.json")
    engine = [disturbed(rng, found) for found in torch]
    began = time.process_time()  # of this process alone: others may be busy
    drops = paired_drops(
        match_images(annotations, torch),
        match_images(annotations, engine),
        resamples=RESAMPLES,
    )
    assert time.process_time() - began < MOST_SECONDS
    assert set(drops) == {"ap", "ap50", "ap75", "ap_s", "ap_m", "ap_l"}
    assert drops["ap"].ci[0] < drops["ap"].points < drops["ap"].ci[1]
