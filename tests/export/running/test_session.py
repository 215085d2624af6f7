from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detection import Preprocess
from engines import EngineBuildError
from export import DetectError, ExportResult, Postprocess, Session


class Echo:
    """Find one object that fills the placed image, and remember what came in."""

    def __init__(self, label: int = 0, batch: int = 1) -> None:
        self.label, self.batch = label, batch
        self.seen: list[np.ndarray] = []

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        self.seen.append(inputs["image"])
        boxes = np.zeros((self.batch, 4, 4), np.float32)
        boxes[:, 0] = (0, 0, 64, 32)
        return {
            "boxes": boxes,
            "scores": np.full((self.batch, 4), 0.5, np.float32),
            "labels": np.full((self.batch, 4), self.label),
            "count": np.ones(self.batch, np.int64),
        }

    def close(self) -> None:
        self.seen.clear()


def session(runner: Echo, batch: int = 1) -> Session[Echo]:
    return Session(runner, Preprocess((64, 64)), Postprocess(), ("thing",), batch)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P", "1", "I;16"])
def test_boxes_come_back_in_the_image_s_own_pixels(mode: str) -> None:
    found = session(Echo()).detect(Image.new(mode, (640, 320)))
    assert found.boxes.tolist() == [[0.0, 0.0, 640.0, 320.0]]


def test_batches_are_filled_up() -> None:
    runner = Echo(batch=3)
    made = session(runner, batch=3)
    images = [Image.new("RGB", (64, 32), "white"), Image.new("RGB", (128, 64))]
    found = made.detect_batch(images)
    assert [item.boxes[0, 2] for item in found] == [64.0, 128.0]
    assert runner.seen[0].shape == (3, 3, 64, 64)
    assert not runner.seen[0][2].any()
    assert made.max_detections == 4


@pytest.mark.parametrize("count", [0, 2])
def test_too_many_or_no_images_are_refused(count: int) -> None:
    with pytest.raises(DetectError, match=f"1 to 1 images, got {count}"):
        session(Echo()).detect_batch([Image.new("RGB", (8, 8))] * count)


@pytest.mark.parametrize("label", [-1, 1])
def test_a_label_without_a_name_is_refused(label: int) -> None:
    with pytest.raises(DetectError, match=f"label {label}, but there are 1 labels"):
        session(Echo(label)).detect(Image.new("RGB", (8, 8)))


def test_a_bundle_detects_what_torch_detects(
    exported: ExportResult, torch_session: Session[Any]
) -> None:
    image = Image.effect_noise((200, 120), 80.0)
    expected = torch_session.detect(image)
    with Session.open(exported.bundle) as opened:
        found = opened.detect(image)
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-2)
    with pytest.raises(EngineBuildError, match="closed"):
        opened.detect(image)
