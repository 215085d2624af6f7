from pathlib import Path
from typing import Any

import numpy as np

from detection import Detector
from export import ExportResult, Session
from export.comparison.data import open_data
from export.comparison.ladder import PHOTOGRAPHS, Built, climb, inside_images
from export.running.reference import Reference
from tests.export.conftest import LABELS

HOW = Built("onnxruntime", "fp32", 1, "cpu")


def test_modules_are_compared_on_photographs_and_on_noise(
    torch_session: Session[Any], detector: Detector, data_folder: Path
) -> None:
    reference = Reference(detector, torch_session.preprocess, LABELS)
    data = open_data(data_folder, "val", torch_session.preprocess)
    batches = inside_images(reference, data, 2)
    assert len(batches) == PHOTOGRAPHS + 1
    for batch in batches:
        assert batch.shape == (2, 3, 64, 64)
        assert batch.dtype == np.float32
        np.testing.assert_array_equal(batch[0], batch[1])
    first = torch_session.preprocess.apply(data.dataset.load(data.annotations.images[0]))[0]
    np.testing.assert_array_equal(batches[0][0], first)
    assert len({batch.tobytes() for batch in batches}) == len(batches)
    one = open_data(data_folder, "val", torch_session.preprocess, limit=1)
    assert len(inside_images(reference, one, 1)) == 2
    assert len(inside_images(reference, one, 1, noise=False)) == 1


def test_every_rung_is_climbed(
    exported: ExportResult, torch_session: Session[Any], detector: Detector, data_folder: Path
) -> None:
    reference = Reference(detector, torch_session.preprocess, LABELS)
    data = open_data(data_folder, "val", torch_session.preprocess)
    with Session.open(exported.bundle) as session:
        found = climb(detector, reference, session, data, exported.bundle.onnx_path, HOW)
    assert found.structure.faults == ()
    assert found.tensors is not None
    assert found.tensors.images == PHOTOGRAPHS + 1
    assert {probe.case for probe in found.tensors.probes} == {"many", "few", "no"}
    assert found.pipeline.input_difference == 0.0
    assert found.pipeline.same == found.pipeline.read > 0
    assert found.comparison.parity.matched_fraction == 1.0
    assert found.comparison.parity.torch_total == found.comparison.parity.engine_total
