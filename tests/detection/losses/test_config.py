"""The losses' numbers."""

import pytest

from detection import LossConfig, TrainingError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rpn_samples": 0}, "rpn_samples must be at least 1"),
        ({"roi_iou": 1.5}, "roi_iou must lie in 0..1, got 1.5"),
        ({"focal_alpha": -0.1}, "focal_alpha"),
        ({"rpn_negative_iou": 0.8}, "negative_iou 0.8 is above positive_iou 0.7"),
        ({"retinanet_negative_iou": 0.6}, "retinanet: negative_iou 0.6"),
    ],
)
def test_bad_numbers_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        LossConfig(**options)  # type: ignore[arg-type]
