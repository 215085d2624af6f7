"""Generated annotations and detections for the metric's tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection.data.annotations import CocoAnnotations
from detection.metric.detections import ImageDetections

Load = Callable[[dict[str, Any]], CocoAnnotations]
CATEGORY_IDS = (2, 5, 90)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a document and read it as annotations."""

    def load_(document: dict[str, Any]) -> CocoAnnotations:
        path = tmp_path / "instances.json"
        path.write_text(json.dumps(document))
        return CocoAnnotations.load(path)

    return load_


def random_document(rng: np.random.Generator, images: int, most: int) -> dict[str, Any]:
    """Objects of all sizes, crowds among them; some images stay empty."""
    document: dict[str, Any] = {
        "images": [
            {"id": 10 * number + 1, "file_name": f"{number}.png", "height": 300, "width": 400}
            for number in range(images)
        ],
        "categories": [{"id": id_, "name": f"c{id_}"} for id_ in CATEGORY_IDS],
        "annotations": [],
    }
    for image in document["images"]:
        for _ in range(int(rng.integers(0, most + 1))):
            x, y = rng.integers(0, 250, 2).tolist()
            width, height = (int(side) for side in np.exp(rng.uniform(2, 5, 2)))
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "image_id": image["id"],
                    "category_id": int(rng.choice(CATEGORY_IDS)),
                    "bbox": [x, y, width, height],
                    "area": width * height * 0.7,
                    "iscrowd": int(rng.random() < 0.15),
                }
            )
    return document


def noisy_detections(
    document: dict[str, Any], rng: np.random.Generator, ties: bool
) -> list[ImageDetections]:
    """Each object found twice at most, shifted; false ones among them; tied scores on demand."""
    detections = []
    for image in document["images"]:
        rows = [row for row in document["annotations"] if row["image_id"] == image["id"]]
        boxes, categories = [], []
        for row in rows * 2:
            if rng.random() < 0.75:
                x, y, width, height = row["bbox"]
                shift = rng.normal(0, 0.12, 4) * [width, height, width, height]
                boxes.append(np.array([x, y, x + width, y + height]) + shift)
                wrong = rng.random() < 0.1
                categories.append(CATEGORY_IDS[0] if wrong else row["category_id"])
        for _ in range(int(rng.integers(0, 4))):
            corner = rng.uniform(0, 200, 2)
            boxes.append(np.concatenate([corner, corner + rng.uniform(5, 100, 2)]))
            categories.append(int(rng.choice(CATEGORY_IDS)))
        scores = rng.random(len(boxes))
        detections.append(
            ImageDetections(
                image["id"],
                np.array(boxes).reshape(-1, 4),
                scores.round(1) if ties else scores,
                np.array(categories, np.int64),
            )
        )
    return detections
