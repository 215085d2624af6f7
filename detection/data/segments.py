"""Reading an object's outline from COCO's JSON: polygons, or run lengths as numbers or text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .files import shortened
from .rle import Mask, compress, decompress, mask_of

FORMS = "polygons [[x, y, ...], ...] within 1e5 pixels, or run lengths {counts, size}"
LEAST_NUMBERS = 6  # of a polygon: three corners
LARGEST_NUMBER = 1e5  # pycocotools walks along a polygon's edges: 1e7 would take gigabytes


def read_segment(value: object, image_hw: tuple[int, int]) -> str:
    """Return an annotation's ``segmentation`` as compressed run lengths of the whole image.

    Polygons are filled and united by pycocotools, as for COCO's metric.

    Args:
        value: As read from JSON.
        image_hw: Of the object's image.

    Raises:
        ValueError: It is none of COCO's three forms, or of an image of another size.
    """
    if isinstance(value, Mapping):
        return _of_runs(value, image_hw)
    if isinstance(value, list) and value and all(map(_is_polygon, value)):
        return _of_polygons(value, image_hw)
    raise ValueError(f"expected {FORMS}, got {shortened(value)}")


def decode_segment(segment: str, image_hw: tuple[int, int]) -> Mask:
    """Return the mask (h, w) of what `read_segment` gave."""
    return mask_of(decompress(segment), image_hw)


def _of_runs(value: Mapping[str, Any], image_hw: tuple[int, int]) -> str:
    size, counts = value.get("size"), value.get("counts")
    if size != list(image_hw):
        raise ValueError(f"size must be the image's {list(image_hw)}, got {shortened(size)}")
    if isinstance(counts, str):
        runs = decompress(counts)
    elif isinstance(counts, list) and all(type(run) is int for run in counts):
        runs = counts
    else:
        raise ValueError(f"counts must be whole numbers or COCO's text, got {shortened(counts)}")
    if any(run < 0 for run in runs) or sum(runs) != image_hw[0] * image_hw[1]:
        raise ValueError(
            f"counts must be at least 0 and add up to the image's {image_hw[0] * image_hw[1]} "
            f"pixels, got {len(runs)} that add up to {sum(runs)}"
        )
    return compress(runs)


def _of_polygons(polygons: Sequence[Sequence[float]], image_hw: tuple[int, int]) -> str:
    from pycocotools import mask as coco_mask

    filled = coco_mask.frPyObjects(polygons, *image_hw)
    counts: bytes = coco_mask.merge(filled)["counts"]
    return counts.decode("ascii")


def _is_polygon(value: object) -> bool:
    """Return whether it is a list of corners; pycocotools would read four numbers as a box."""
    if not isinstance(value, list) or len(value) < LEAST_NUMBERS or len(value) % 2:
        return False
    numbers = all(type(number) in (int, float) for number in value)
    return numbers and bool((np.abs(value) <= LARGEST_NUMBER).all())  # NaN compares false
