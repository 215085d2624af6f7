from typing import Any

import numpy as np
import pytest
from PIL import Image

from detection import Detector, Preprocess, WeightsInfo
from export import Session, VerificationError
from export.records.engine import Origin
from export.running.network import weights_info
from export.running.reference import Reference, trained_preprocess
from tests.export.conftest import LABELS

INFO = WeightsInfo("detnas-nano", 3, "00")


def test_it_finds_what_a_session_of_the_torch_model_finds(
    detector: Detector, torch_session: Session[Any]
) -> None:
    """A second way, by other code, from the image to the boxes."""
    rng = np.random.default_rng(0)
    reference = Reference(detector, torch_session.preprocess, LABELS)
    assert reference.max_detections is None
    for width, height in ((64, 64), (90, 60), (31, 100)):
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        (mine,), (theirs,) = reference.detect_batch([image]), torch_session.detect_batch([image])
        assert len(mine) > 0
        np.testing.assert_array_equal(mine.boxes, theirs.boxes)
        np.testing.assert_array_equal(mine.scores, theirs.scores)
        np.testing.assert_array_equal(mine.labels, theirs.labels)
    assert reference.max_detections == torch_session.max_detections


def test_preprocessing_is_what_the_weights_note() -> None:
    bgr = Preprocess((64, 64), channel_order="BGR", mean=(0.1, 0.2, 0.3))
    origin = Origin("detnas-nano:00", {"input_hw": (64, 64)})
    assert trained_preprocess(weights_info(origin, LABELS, bgr), (64, 64)) == bgr
    assert trained_preprocess(weights_info(origin, LABELS), (64, 64)) == Preprocess((64, 64))
    assert trained_preprocess(INFO, (32, 48)) == Preprocess((32, 48))


def test_a_damaged_note_is_refused() -> None:
    origin = Origin("detnas-nano:00", {"input_hw": (64, 64)})
    info = weights_info(origin, LABELS, Preprocess((64, 64)))
    with pytest.raises(VerificationError, match=r"input of \(64, 64\)"):
        trained_preprocess(info, (96, 96))
    damaged = WeightsInfo("detnas-nano", 3, "00", notes={"preprocess": {"mean": 1}})
    with pytest.raises(VerificationError, match="note on preprocessing"):
        trained_preprocess(damaged, (64, 64))
