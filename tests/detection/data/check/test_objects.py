from pathlib import Path

import numpy as np

from detection.data.annotations import CocoAnnotations
from detection.data.check.objects import object_stats
from detection.data.coco_json import CocoCategory
from detection.data.object_table import ObjectColumns


def test_sizes_and_duplicates_against_a_plain_count() -> None:
    rng = np.random.default_rng(0)
    columns = ObjectColumns()
    rows = []
    for _ in range(400):
        image, label, side = (int(n) for n in rng.integers(0, (5, 3, 130)))
        columns.add(image, label, [0, 0, side, side], float(side * side))
        rows.append((image, label, side))
    categories = tuple(CocoCategory(number, f"c{number}") for number in range(4))
    stats = object_stats(CocoAnnotations(Path("x.json"), (), categories, columns.table()))
    assert stats.duplicate_boxes == len(rows) - len(set(rows))
    for label, item in enumerate(stats.classes):
        sides = [side for _, mine, side in rows if mine == label]
        assert item.objects == len(sides)
        assert item.images == len({image for image, mine, _ in rows if mine == label})
        assert item.sizes == (
            sum(side <= 32 for side in sides),
            sum(32 < side <= 96 for side in sides),
            sum(side > 96 for side in sides),
        )
    assert sum(stats.sizes) == 400
    assert stats.classes[3].sizes == (0, 0, 0)


def test_no_object_at_all() -> None:
    stats = object_stats(CocoAnnotations(Path("x"), (), (), ObjectColumns().table()))
    assert (stats.sizes, stats.duplicate_boxes) == ((0, 0, 0), 0)
