"""A tiny COCO folder that tests bend to their purpose."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

DOCUMENT: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.png", "height": 40, "width": 60},
        {"id": 3, "file_name": "b.png", "height": 30, "width": 20},
        {"id": 5, "file_name": "empty.png", "height": 10, "width": 10},
    ],
    "categories": [{"id": 90, "name": "dog"}, {"id": 4, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 90, "bbox": [1, 2, 10, 12], "area": 100},
        {"id": 2, "image_id": 7, "category_id": 4, "bbox": [50, 30, 20, 20], "iscrowd": 0},
        {"id": 3, "image_id": 7, "category_id": 4, "bbox": [0, 0, 60, 40], "iscrowd": 1},
        {"id": 4, "image_id": 7, "category_id": 90, "bbox": [5, 5, 0.5, 9], "iscrowd": 0},
    ],
}

WriteCoco = Callable[..., Path]


@pytest.fixture
def document() -> dict[str, Any]:
    """Two images with objects (one clipped, one crowd, one degenerate) and an empty one."""
    return copy.deepcopy(DOCUMENT)


@pytest.fixture
def write_coco(tmp_path: Path) -> WriteCoco:
    """Write a document and its images as split ``val`` below a new folder."""

    def write(document: Any, folder: str = "coco", split: str = "val") -> Path:
        root = tmp_path / folder
        (root / "annotations").mkdir(parents=True, exist_ok=True)
        (root / split).mkdir(exist_ok=True)
        for image in document["images"]:
            rng = np.random.default_rng(image["id"])
            pixels = rng.integers(0, 256, (image["height"], image["width"], 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / split / image["file_name"])
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(document))
        return root

    return write
