from typing import Any

import numpy as np
import pytest

from export import BundleError, DetectError, Detections, Postprocess
from export.bundle.postprocess import unpad


def outputs(**changes: Any) -> dict[str, Any]:
    good = {
        "boxes": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        "scores": np.array([[0.9, 0.5, 0.0], [0.8, 0.0, 0.0]], np.float32),
        "labels": np.array([[0, 2, 0], [1, 0, 0]]),
        "count": np.array([2, 1]),
    }
    return good | changes


def test_padding_is_left_out() -> None:
    first, second = unpad(outputs(), 0), unpad(outputs(), 1)
    assert (len(first), len(second)) == (2, 1)
    assert first.labels.tolist() == [0, 2]
    assert second.boxes.tolist() == [[12.0, 13.0, 14.0, 15.0]]
    assert first.boxes.dtype == np.float64


def test_nothing_found_is_no_detection() -> None:
    assert len(unpad(outputs(count=np.array([0, 0])), 0)) == 0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"count": np.array([4, 1])}, "counts 4 of 3"),
        ({"count": np.array([-1, 1])}, "counts -1"),
        ({"count": np.array([[2, 1]])}, "no detections"),
        ({"boxes": np.zeros((2, 3, 5))}, "no detections"),
        ({"scores": np.zeros(0)}, "no detections"),
        ({"boxes": np.full((2, 3, 4), np.nan)}, "not finite"),
        ({"scores": np.full((2, 3), np.inf)}, "not finite"),
    ],
)
def test_other_outputs_are_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(DetectError, match=match):
        unpad(outputs(**changes), 0)


def test_a_missing_output_is_named() -> None:
    found = outputs()
    del found["labels"]
    with pytest.raises(DetectError, match="does not give labels"):
        unpad(found, 0)


def test_above_keeps_equal_scores() -> None:
    found = unpad(outputs(), 0)
    assert len(found.above(0.5)) == 2
    assert len(found.above(0.51)) == 1
    assert isinstance(found.above(2.0), Detections)


def test_reads_back_what_it_wrote() -> None:
    assert Postprocess.from_json(Postprocess(0.4).to_json()) == Postprocess(0.4)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"schema": "x"}, "schema 'x' is unknown"),
        ({"version": 2}, "version 2 is unknown"),
        ({"outputs": {}}, "outputs {} is unknown"),
        ({"more": 1}, "unknown fields"),
        ({"score_threshold": 1.5}, "0..1"),
        ({"score_threshold": True}, "0..1"),
        ({"score_threshold": None}, "0..1"),
    ],
)
def test_refuses(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(BundleError, match=match):
        Postprocess.from_json(Postprocess().to_json() | changes)


def test_refuses_what_is_no_object() -> None:
    with pytest.raises(BundleError, match="expected an object"):
        Postprocess.from_json([])
