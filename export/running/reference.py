"""What an engine is compared with: the trained detector, run the way it was trained.

A fault of what is deployed must not reach the side that it is compared with. So preprocessing and
labels come from the weights, not from the bundle's own descriptions, and nothing is shared with
the session that runs the engine but the code that training uses too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from detection import Preprocess, PreprocessError, WeightsInfo, paste_masks, run_module
from searchspaces import MASKS, OUTPUTS

from ..bundle.postprocess import Detections
from ..errors import VerificationError

if TYPE_CHECKING:
    import numpy.typing as npt

    from detection import Detector, Letterbox

PREPROCESS_NOTE = "preprocess"
"""Under which name a weights file notes the preprocessing that the weights were trained with."""


class Reference:
    """Detect objects with the torch model, image by image.

    Args:
        detector: Put into eval mode.
        preprocess: That of its training.
        labels: Class names by label, as it was trained.

    Attributes:
        max_detections: Rows of the detector's outputs.
    """

    def __init__(
        self, detector: Detector, preprocess: Preprocess, labels: tuple[str, ...]
    ) -> None:
        self._run = run_module(detector.eval())
        self.preprocess = preprocess
        self.labels = labels
        self.max_detections: int | None = None

    def detect_batch(self, images: Sequence[Image.Image]) -> list[Detections]:
        """Detect objects in images of any size and mode.

        Returns:
            Per image, boxes in its own pixels, clipped to it, best first; masks too if the
            detector gives them.

        Raises:
            DetectionError: An image's mode cannot become RGB.
        """
        return [self._detect(*self.preprocess.apply(image)) for image in images]

    def read(self, outputs: Mapping[str, npt.NDArray[Any]], letterbox: Letterbox) -> Detections:
        """Return what the outputs of one image mean, boxes in its own pixels.

        Args:
            outputs: Boxes (d, 4), scores (d,), labels (d,), count () and perhaps masks (d, m, m).
            letterbox: Of the image.
        """
        boxes, scores, labels, count = (outputs[name] for name in OUTPUTS)
        used = slice(0, int(count))
        masks = outputs.get(MASKS)
        return Detections(
            letterbox.to_original(boxes[used]),
            scores[used].astype(np.float64),
            labels[used].astype(np.int64),
            None if masks is None else paste_masks(masks[used], boxes[used], letterbox),
        )

    def _detect(self, array: npt.NDArray[np.float32], letterbox: Letterbox) -> Detections:
        made = self._run(array[None])
        outputs = {name: value[0] for name, value in zip((*OUTPUTS, MASKS), made, strict=False)}
        self.max_detections = len(outputs["scores"])
        return self.read(outputs, letterbox)


def trained_preprocess(info: WeightsInfo, input_hw: tuple[int, int]) -> Preprocess:
    """Return the preprocessing that weights were trained with.

    Args:
        info: The head of the weights file; without a note it is the one that training uses.
        input_hw: Of the detector.

    Raises:
        VerificationError: The note is damaged, or of another input size.
    """
    note = info.notes.get(PREPROCESS_NOTE)
    if note is None:
        return Preprocess(input_hw)
    try:
        preprocess = Preprocess.from_json(note)
    except PreprocessError as error:
        raise VerificationError(f"the weights' note on preprocessing: {error}") from error
    if preprocess.input_hw != input_hw:
        raise VerificationError(
            f"the weights were trained with an input of {preprocess.input_hw} (height, width), "
            f"the detector takes {input_hw}"
        )
    return preprocess
