"""The loader for devices against ``detfit detect``, to the last bit, on real photographs."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import Preprocess
from export import ExportRequest, ExportResult, Origin, Session, detect_image, export_detector
from export.bundle.postprocess import Detections
from export.running.detect import objects_of
from export.runtime import load
from searchspaces import SPACES
from tests.cli import run
from tests.export import masked_nano as masks
from tests.export.conftest import FAST, LABELS
from tests.export.device import BLOCKER, SCRIPT, by_session, listed, run_script

PHOTOS = 7  # odd: the last batch is not full


@pytest.fixture(scope="module")
def photos(coco80: Path) -> list[Path]:
    return sorted((coco80 / "val2017").glob("*.jpg"))[:PHOTOS]


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    """A detector with masks, in batches of two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SPACES, masks.NAME, masks.MaskedNano)
        request = ExportRequest(
            detector=masks.make_detector(),
            origin=Origin(f"{masks.NAME}:{masks.CODE}", {"stages": 1}, 7),
            labels=LABELS,
            preprocess=Preprocess((64, 64)),
            batch=2,
            protocol=FAST,
        )
        return export_detector(request, tmp_path_factory.mktemp("masked") / "bundle")


@pytest.fixture(scope="module", params=["boxes", "masks"])
def bundle(
    request: pytest.FixtureRequest, exported: ExportResult, masked: ExportResult
) -> ExportResult:
    return exported if request.param == "boxes" else masked


@pytest.fixture(scope="module")
def on_the_device(bundle: ExportResult, photos: list[Path]) -> list[Any]:
    """Found by a process that can import neither torch nor onnx."""
    return list(run_script([sys.executable, "-c", BLOCKER + SCRIPT], bundle.bundle.path, photos))


def test_every_number_and_every_mask_is_the_same(
    bundle: ExportResult, photos: list[Path], on_the_device: list[Any]
) -> None:
    with Session.open(bundle.bundle.path) as session:
        expected = [listed(detect_image(session, path), session.labels) for path in photos]
    assert on_the_device == expected
    assert sum(len(scores) for _, scores, *_ in on_the_device) >= PHOTOS
    assert on_the_device == by_session(bundle, photos)


def test_the_command_line_says_the_same(
    tmp_path: Path, bundle: ExportResult, photos: list[Path], on_the_device: list[Any]
) -> None:
    command = ("detect", bundle.bundle.path, *photos, "-o", tmp_path / "out", "--json")
    rows = run(*command, "--threshold", 0).fields
    labels = bundle.bundle.labels
    for row, (boxes, scores, numbers, _, runs) in zip(rows, on_the_device, strict=True):
        found = Detections(
            np.array(boxes).reshape(-1, 4), np.array(scores), np.array(numbers, int), runs
        )
        assert row["objects"] == [item.to_dict() for item in objects_of(found, labels)]
        assert ("mask" in row["objects"][0]) == (runs is not None)


def test_one_by_one_or_in_batches(masked: ExportResult, photos: list[Path]) -> None:
    with load(masked.bundle.path) as detector:
        together = detector(photos, score_threshold=0.0)
        for path, one in zip(photos, together, strict=True):
            (alone,) = detector(path, score_threshold=0.0)
            assert alone.boxes.tolist() == one.boxes.tolist()
            assert alone.masks == one.masks
