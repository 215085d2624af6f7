import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from detection.data.annotations import CocoAnnotations
from detection.errors import DatasetError


def load(tmp_path: Path, content: Any) -> CocoAnnotations:
    path = tmp_path / "instances_x.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content))
    return CocoAnnotations.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not COCO JSON"),
        (b"{", "not COCO JSON"),
        (b"\xff\xfe\x00", "not COCO JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"images": ' + b"9" * 5000 + b"}", "not COCO JSON"),
        (b"[]", "expected an object with images, annotations and categories, got list"),
        ({}, "images: expected a list, it is missing"),
        ({"images": {}}, "images: expected a list, it is a dict"),
    ],
)
def test_what_is_not_coco_json(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        load(tmp_path, content)
    assert "instances_x.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such annotation file"):
        CocoAnnotations.load(tmp_path / "absent.json")
    with pytest.raises(DatasetError, match="not COCO JSON"):
        CocoAnnotations.load(tmp_path)


def test_image_info_without_annotations_is_refused(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    del document["annotations"]
    with pytest.raises(DatasetError, match="annotations: expected a list, it is missing"):
        load(tmp_path, document)


REFUSED: list[tuple[str, int, str, Any, str]] = [
    ("images", 1, "id", 7, r"images\[1\]\.id: 7 occurs twice"),
    ("images", 0, "id", "7", r"images\[0\]\.id: expected an integer, got '7'"),
    ("images", 0, "id", True, r"images\[0\]\.id: expected an integer, got True"),
    ("images", 0, "id", -1, r"images\[0\]\.id: expected 0 to"),
    ("images", 0, "id", 10**4000, r"images\[0\]\.id: expected 0 to .*00\.\.\.$"),
    ("images", 0, "height", 0, r"images\[0\]\.height: expected 1 to"),
    ("images", 0, "width", 1.5, r"images\[0\]\.width: expected an integer"),
    ("images", 0, "file_name", "", r"images\[0\]\.file_name: expected a text"),
    ("images", 0, "file_name", "../a.png", "expected a path below the images folder"),
    ("images", 0, "file_name", "/etc/passwd", "expected a path below the images folder"),
    ("images", 0, "file_name", "C:\\a.png", "expected a path below the images folder"),
    ("images", 0, "file_name", "..\\a.png", "expected a path below the images folder"),
    ("images", 0, "file_name", "a\0.png", "expected a path below the images folder"),
    ("categories", 1, "id", 90, r"categories\[1\]\.id: 90 occurs twice"),
    ("categories", 0, "name", None, r"categories\[0\]\.name: expected a text, got None"),
    ("annotations", 1, "id", 1, r"annotations\[1\]\.id: 1 occurs twice"),
    ("annotations", 2, "image_id", 8, r"annotations\[2\]\.image_id: 8 is not among the images"),
    ("annotations", 2, "category_id", 1, r"category_id: 1 is not among the categories"),
    ("annotations", 0, "bbox", [1, 2, 3], r"annotations\[0\]\.bbox: expected four finite numbers"),
    ("annotations", 0, "bbox", [1, 2, 3, None], r"bbox: expected four finite numbers"),
    ("annotations", 0, "bbox", [1, 2, 3, float("nan")], r"bbox: expected four finite numbers"),
    ("annotations", 0, "bbox", [1, 2, 3, float("inf")], r"bbox: expected four finite numbers"),
    ("annotations", 0, "bbox", [10**4200, 2, 3, 4], r"bbox: expected four finite numbers"),
    ("annotations", 0, "area", -1, r"annotations\[0\]\.area: expected a number >= 0"),
    ("annotations", 0, "iscrowd", 2, r"annotations\[0\]\.iscrowd: expected 0 to 1, got 2"),
]


@pytest.mark.parametrize(("section", "index", "field", "value", "message"), REFUSED)
def test_field_by_field(
    tmp_path: Path,
    document: dict[str, Any],
    section: str,
    index: int,
    field: str,
    value: Any,
    message: str,
) -> None:
    document[section][index][field] = value
    with pytest.raises(DatasetError, match=message) as caught:
        load(tmp_path, document)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ("images", "id"),
        ("images", "file_name"),
        ("images", "height"),
        ("images", "width"),
        ("categories", "id"),
        ("categories", "name"),
        ("annotations", "id"),
        ("annotations", "image_id"),
        ("annotations", "category_id"),
        ("annotations", "bbox"),
    ],
)
def test_missing_fields(
    tmp_path: Path, document: dict[str, Any], section: str, field: str
) -> None:
    del document[section][0][field]
    with pytest.raises(DatasetError, match=rf"{section}\[0\]\.{field}: missing"):
        load(tmp_path, document)


def test_row_that_is_no_object(tmp_path: Path, document: dict[str, Any]) -> None:
    document["annotations"][2] = 5
    with pytest.raises(DatasetError, match=r"annotations\[2\]: expected an object, got 5"):
        load(tmp_path, document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FIXTURES_ARE_NOT_CHANGED = [HealthCheck.function_scoped_fixture]


@settings(suppress_health_check=FIXTURES_ARE_NOT_CHANGED, max_examples=200)
@given(data=st.data())
def test_a_fuzzed_document_raises_nothing_but_dataset_error(
    tmp_path: Path, document: dict[str, Any], data: st.DataObject
) -> None:
    fuzzed = json.loads(json.dumps(document))
    section = data.draw(st.sampled_from(sorted(fuzzed)))
    value = data.draw(json_values)
    if data.draw(st.booleans()):
        row = data.draw(st.sampled_from(fuzzed[section]))
        row[data.draw(st.sampled_from([*sorted(row), "area", "iscrowd"]))] = value
    else:
        fuzzed[section] = value
    try:
        annotations = load(tmp_path, fuzzed)
    except DatasetError as error:
        assert "instances_x.json: " in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert annotations.report().images == len(annotations.images)
        annotations.ground_truth()


@settings(suppress_health_check=FIXTURES_ARE_NOT_CHANGED)
@given(content=st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_dataset_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DatasetError):
        load(tmp_path, content)
