import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detection import DetectionError
from export import DetectError, ExportError, ExportResult, Session, detect_files, detect_image
from export.bundle.postprocess import Detections
from export.running.detect import objects_of
from searchspaces import sha256_of_file


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Images of several modes and sizes, two of them with one name."""
    paths = []
    for name, mode, size in (
        ("grey.png", "L", (50, 80)),
        ("cmyk.jpg", "CMYK", (200, 30)),
        ("small.gif", "P", (9, 7)),
        ("a/same.png", "RGB", (64, 64)),
        ("b/same.png", "RGBA", (64, 64)),
    ):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise(size, 90.0).convert("RGB").convert(mode).save(path)
        paths.append(path)
    return paths


def test_draws_and_lists_every_image(
    tmp_path: Path, exported: ExportResult, photos: list[Path]
) -> None:
    calls: list[tuple[str, float, float]] = []
    results = detect_files(
        exported.bundle,
        photos,
        tmp_path / "out" / "deep",
        score_threshold=0.1,
        progress=lambda *call: calls.append(call),
    )
    assert [result.image for result in results] == photos
    assert all(not result.error for result in results)
    assert len({result.drawn for result in results}) == len(photos)
    for result in results:
        with Image.open(result.drawn or "") as drawn, Image.open(result.image) as original:
            assert drawn.size == original.size
        assert all(item.score >= 0.1 for item in result.objects)
        assert all(item.label in exported.bundle.labels for item in result.objects)
    assert any(result.objects for result in results)
    listed = json.loads((tmp_path / "out" / "deep" / "detections.json").read_bytes())
    assert listed["results"] == [result.to_dict() for result in results]
    assert [done for _, done, _ in calls] == [1, 2, 3, 4, 5]


def test_an_unreadable_image_is_a_result_not_the_end(
    tmp_path: Path, exported: ExportResult, photos: list[Path]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[1].read_bytes()[:100])
    results = detect_files(
        exported.bundle, [broken, tmp_path / "missing.png", photos[0]], tmp_path / "out"
    )
    assert "broken.jpg" in results[0].error
    assert "no such image file" in results[1].error
    assert results[0].drawn is results[1].drawn is None
    assert (results[2].error, results[2].drawn) == ("", tmp_path / "out" / "grey-detected.jpg")


def test_where_no_image_can_be_read_nothing_is_written(
    tmp_path: Path, exported: ExportResult
) -> None:
    with pytest.raises(DetectError, match=r"one\.png: no such image file"):
        detect_files(
            exported.bundle, [tmp_path / "one.png", tmp_path / "two.png"], tmp_path / "out"
        )
    assert os.listdir(tmp_path) == []


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, exported: ExportResult, photos: list[Path]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    (result,) = detect_files(exported.bundle, photos[:1])
    assert result.drawn is None
    assert sorted(tmp_path.rglob("*")) == before


def test_a_given_image_is_never_overwritten(
    tmp_path: Path, exported: ExportResult, photos: list[Path]
) -> None:
    clash = tmp_path / "photos" / "grey-detected.jpg"
    Image.new("RGB", (20, 20)).save(clash)
    digest = sha256_of_file(clash)
    with pytest.raises(DetectError, match="one of the given images"):
        detect_files(exported.bundle, [photos[0], clash], tmp_path / "photos")
    assert sha256_of_file(clash) == digest


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_bad_options_are_refused(
    exported: ExportResult, photos: list[Path], threshold: float
) -> None:
    with pytest.raises(DetectError, match="score_threshold"):
        detect_files(exported.bundle, photos, score_threshold=threshold)
    with pytest.raises(DetectError, match="at least one image"):
        detect_files(exported.bundle, [])


def test_an_output_folder_that_is_a_file_is_refused(
    tmp_path: Path, exported: ExportResult, photos: list[Path]
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="file is not a folder"):
        detect_files(exported.bundle, photos, tmp_path / "file")


def test_a_bundle_its_folder_and_a_session_detect_alike(
    exported: ExportResult, photos: list[Path]
) -> None:
    with Session.open(exported.bundle) as session:
        sources: tuple[Any, ...] = (exported.bundle, os.fspath(exported.bundle.path), session)
        found = [detect_image(source, photos[0]) for source in sources]
    assert len(found[0]) > 0
    for item in found[1:]:
        np.testing.assert_array_equal(item.boxes, found[0].boxes)
    with pytest.raises(DetectionError, match="no such image file"):
        detect_image(exported.bundle, photos[0].with_name("nowhere.png"))


def test_photographs_are_turned_upright(tmp_path: Path, exported: ExportResult) -> None:
    image = Image.effect_noise((80, 40), 90.0).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    image.save(tmp_path / "turned.png", exif=exif)
    (result,) = detect_files(exported.bundle, [tmp_path / "turned.png"], tmp_path / "out")
    with Image.open(result.drawn or "") as drawn:
        assert drawn.size == (40, 80)


def test_objects_have_names_and_rounded_numbers() -> None:
    found = Detections(np.array([[1.234, 2, 3, 4.567]]), np.array([0.123456]), np.array([1]))
    (item,) = objects_of(found, ("cat", "dog"))
    assert item.to_dict() == {"label": "dog", "score": 0.1235, "box": [1.23, 2.0, 3.0, 4.57]}


def test_real_photographs(tmp_path: Path, exported: ExportResult, coco80: Path) -> None:
    paths = sorted((coco80 / "val2017").glob("*.jpg"))[:5]
    results = detect_files(exported.bundle, paths, tmp_path, score_threshold=0.05)
    assert [result.error for result in results] == [""] * 5
    assert sum(len(result.objects) for result in results) > 0
