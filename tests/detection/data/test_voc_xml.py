from pathlib import Path

import pytest

from detection.data.voc_xml import LARGEST_BYTES, read_voc_xml
from detection.errors import DatasetError

from .trees import Picture, Thing, voc_xml

PICTURE = Picture("000001", (30, 40), (Thing("cat", (0, 0, 1, 1)), Thing("dog", (2, 3, 40, 30))))
GOOD = voc_xml(PICTURE)


def read(tmp_path: Path, text: str | bytes):
    path = tmp_path / "000001.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_voc_xml(path)


def test_pixels_from_one_to_edges(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert (found.width, found.height, found.suffix) == (40, 30, ".jpg")
    assert [item.box for item in found.objects] == [(0, 0, 1, 1), (2, 3, 38, 27)]
    assert [item.name for item in found.objects] == ["cat", "dog"]


def test_parts_of_people_are_no_objects_and_fractions_are_numbers(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
    text = GOOD.replace("</object>", part).replace("<xmin>3</xmin>", "<xmin> 45.70000076 </xmin>")
    found = read(tmp_path, text)
    assert len(found.objects) == 2
    assert found.objects[1].box[0] == pytest.approx(44.70000076)


def test_a_missing_mark_means_not_difficult(tmp_path: Path) -> None:
    marked = GOOD.replace("<difficult>0", "<difficult>1", 1)
    assert [item.difficult for item in read(tmp_path, marked).objects] == [True, False]
    bare = GOOD.replace("<difficult>0</difficult>", "")
    assert [item.difficult for item in read(tmp_path, bare).objects] == [False, False]


@pytest.mark.parametrize(
    ("filename", "suffix"),
    [("a.png", ".png"), ("a.JPG", ".JPG"), ("../../etc/passwd", ".jpg"), ("a.exe", ".jpg")],
)
def test_of_a_file_name_only_the_ending_is_taken(
    tmp_path: Path, filename: str, suffix: str
) -> None:
    assert read(tmp_path, GOOD.replace("000001.jpg", filename)).suffix == suffix


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<name>cat</name>", "", r"object\[0\]/name: missing"),
        ("<name>cat</name>", "<name> </name>", r"object\[0\]/name: empty"),
        ("<xmin>3</xmin>", "<xmin>nan</xmin>", r"object\[1\]/bndbox/xmin: expected a number"),
        ("<xmin>3</xmin>", "<xmin>1e999</xmin>", "xmin: expected a number"),
        ("<xmin>3</xmin>", "<xmin>1_0</xmin>", "xmin: expected a number"),
        ("<difficult>0", "<difficult>2", "difficult: expected a whole number 0 to 1, got 2"),
        ("<width>40", "<width>0", "size/width: expected a whole number 1 to 10000000, got 0"),
        ("<width>40", "<width>40.5", "size/width: expected a whole number"),
        ("<size>", "<sice>", "not XML"),
        ("annotation>", "html>", "expected <annotation>, got <html>"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        read(tmp_path, GOOD.replace(old, new))
    assert "000001.xml" in str(error.value)


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
    ],
)
def test_document_types_are_refused(tmp_path: Path, declared: str) -> None:
    with pytest.raises(DatasetError, match="declares a document type, which is refused"):
        read(tmp_path, declared + GOOD)


def test_depth_size_and_encoding_are_limited(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nested too deeply"):
        read(tmp_path, "<annotation>" * 100_000)
    with pytest.raises(DatasetError, match="bytes are too many"):
        read(tmp_path, b" " * (LARGEST_BYTES + 1))
    with pytest.raises(DatasetError, match="not XML"):
        read(tmp_path, b'<?xml version="1.0" encoding="utf-7"?>' + GOOD.encode())
    with pytest.raises(DatasetError, match="not XML"):
        read(tmp_path, b"")
    with pytest.raises(DatasetError, match="no such annotation file"):
        read_voc_xml(tmp_path / "absent.xml")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_voc_xml(tmp_path)
