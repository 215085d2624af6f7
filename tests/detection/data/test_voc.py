from pathlib import Path

import pytest

from detection.data.annotations import CocoAnnotations
from detection.data.layout import detect_layout, find_split, find_splits, open_split
from detection.data.preprocess import Preprocess
from detection.data.voc import VOC_CLASSES
from detection.errors import DatasetError

from .trees import Picture, Thing, voc_0712, write_voc

LISTS = Path("ImageSets") / "Main"


def things(annotations: CocoAnnotations, index: int) -> list[Thing]:
    """What was read of one image, in the trees' own form."""
    table, rows = annotations.objects, annotations.objects.rows_of(index)
    return [
        Thing(annotations.class_names[label], (x, y, x + w, y + h), ignored)
        for label, (x, y, w, h), ignored in zip(
            table.labels[rows].tolist(),
            table.boxes[rows].tolist(),
            table.ignored[rows].tolist(),
            strict=True,
        )
    ]


def assert_round_trip(annotations: CocoAnnotations, written: dict[str, Picture]) -> None:
    for index, image in enumerate(annotations.images):
        picture = written[image.file_name]
        assert (image.height, image.width) == picture.hw
        assert things(annotations, index) == list(picture.things)


def test_every_split_comes_back_as_written(tmp_path: Path) -> None:
    written = voc_0712(tmp_path / "VOCdevkit")
    assert detect_layout(tmp_path) == "voc"
    assert [split.name for split in find_splits(tmp_path)] == [
        *("test2007", "train2007", "trainval2007", "val2007", "trainval2012", "trainval0712")
    ]
    for split in find_splits(tmp_path):
        annotations = split.load()
        assert_round_trip(annotations, written)
        assert annotations.class_names == VOC_CLASSES
        assert split.images_dir == tmp_path / "VOCdevkit"
    assert any(thing.ignored for picture in written.values() for thing in picture.things)


def test_both_years_are_one_split(tmp_path: Path) -> None:
    voc_0712(tmp_path)
    joined = find_split(tmp_path, "trainval0712").load()
    assert [image.id for image in joined.images] == [
        *(1, 2, 3, 4, 5, 2008000001, 2008000002, 2008000003, 2008000004)
    ]
    by_hand = find_split(tmp_path, "trainval2007+trainval2012").load()
    assert by_hand.images == joined.images
    assert by_hand.ground_truth() == joined.ground_truth()


def test_train_and_val_are_the_usual_ones(tmp_path: Path) -> None:
    voc_0712(tmp_path / "both")
    assert find_split(tmp_path / "both", "train").name == "trainval0712"
    assert find_split(tmp_path / "both", "val").name == "test2007"
    write_voc(tmp_path / "2012", {"2012": {"train": ["2008_1"], "val": ["2008_2"]}})
    assert find_split(tmp_path / "2012", "train").name == "train2012"
    assert find_split(tmp_path / "2012", "val").name == "val2012"
    with pytest.raises(DatasetError, match="'test' is no split, found train2012, val2012"):
        find_split(tmp_path / "2012", "test")


def test_difficult_objects_teach_only_when_asked(tmp_path: Path) -> None:
    written = voc_0712(tmp_path)
    small = Preprocess((32, 32))
    usual = open_split(tmp_path, "train", small, train=True)
    every = open_split(tmp_path, "train", small, train=True, difficult=True)
    marks = [[t.ignored for t in written[i.file_name].things] for i in usual.annotations.images]
    for index, ignored in enumerate(marks):
        assert len(usual[index][1]["labels"]) == ignored.count(False)
        assert len(every[index][1]["labels"]) == len(ignored)
    report = usual.annotations.report()
    assert report.difficult == sum(map(sum, marks)) > 0
    assert report.objects == report.usable + report.crowd + report.difficult + report.degenerate
    with pytest.raises(DatasetError, match="never measured on"):
        open_split(tmp_path, "train", small, difficult=True)


def test_a_folder_without_years_and_with_classes_of_its_own(tmp_path: Path) -> None:
    write_voc(tmp_path, {"": {"train": ["a.1", "b"], "val": ["c"]}})
    for path in (tmp_path / "Annotations").glob("*.xml"):
        path.write_text(path.read_text().replace("<object><name>", "<object><name>my "))
    with pytest.raises(DatasetError, match=r"class 'my .*' is unknown.*labels\.txt, one a line"):
        load_all(tmp_path)
    names = [f"my {name}" for name in VOC_CLASSES]
    (tmp_path / "labels.txt").write_text("\n".join(names) + "\n")
    annotations = find_split(tmp_path, "train").load()
    assert annotations.class_names == tuple(names)
    assert [image.file_name for image in annotations.images] == [
        "JPEGImages/a.1.jpg",
        "JPEGImages/b.jpg",
    ]
    assert [image.id for image in annotations.images] == [1, 2]


def load_all(root: Path) -> None:
    for split in find_splits(root):
        split.load()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "names no image"),
        ("000001\n000001\n", "'000001' occurs twice"),
        ("../000001\n", "expected the name of an image without folder"),
        ("..\n", "expected the name of an image"),
        ("absent\n", "absent.xml: no such annotation file"),
    ],
)
def test_lists_are_checked(tmp_path: Path, content: str, message: str) -> None:
    write_voc(tmp_path, {"2007": {"train": ["000001"]}})
    (tmp_path / "VOC2007" / LISTS / "train.txt").write_text(content)
    with pytest.raises(DatasetError, match=message):
        find_split(tmp_path, "train").load()


def test_lists_that_are_no_text_and_outlines_are_refused(tmp_path: Path) -> None:
    write_voc(tmp_path, {"2007": {"train": ["000001"]}})
    split = find_split(tmp_path, "train")
    with pytest.raises(DatasetError, match="has boxes only"):
        split.load(masks=True)
    split.annotations.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DatasetError, match="not a list of images"):
        split.load()
    (tmp_path / "labels.txt").write_text("a\na\n")
    with pytest.raises(DatasetError, match="one class a line, each once"):
        split.load()
