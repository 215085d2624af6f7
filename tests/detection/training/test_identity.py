"""What a training is known by: what counts, what does not, and what earlier releases told."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import (
    ClassificationDataset,
    CocoAnnotations,
    CocoDataset,
    LabelledImages,
    Preprocess,
    TrainConfig,
)
from detection.data.image_folder import ClassifiedImages
from detection.training.checkpoint import RunIdentity
from detection.training.identity import data_identity, target_identity, target_name
from searchspaces import make_space
from tests.detection.variants import VARIANTS

CONFIG = TrainConfig(steps=1)
SIZE = Preprocess((64, 64))


DOCUMENT: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.png", "height": 40, "width": 60},
        {"id": 3, "file_name": "b.png", "height": 30, "width": 20},
    ],
    "categories": [{"id": 4, "name": "cat"}, {"id": 90, "name": "dog"}],
    "annotations": [
        {
            "id": number,
            "image_id": image,
            "category_id": 90,
            "bbox": [1, 2, 10, 12],
            "iscrowd": 0,
            "segmentation": [[1, 2, 11, 2, 11, 14, 1, 14]],
        }
        for number, image in ((1, 3), (2, 7), (3, 7))
    ],
}


def changed(section: str, **fields: Any) -> dict[str, Any]:
    """Return the document with other values in a section's first row."""
    first, *rest = DOCUMENT[section]
    return {**DOCUMENT, section: [{**first, **fields}, *rest]}


def renumbered() -> dict[str, Any]:
    """Return the document with another id of its first image."""
    rows = [
        {**row, "image_id": 8} if row["image_id"] == 7 else row for row in DOCUMENT["annotations"]
    ]
    return {**changed("images", id=8), "annotations": rows}


def opened(folder: Path, document: dict[str, Any], *, masks: bool = False) -> CocoDataset:
    """Write a document and open it, with files in place of its images that nobody reads."""
    folder.mkdir(exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(document))
    for image in document["images"]:
        (folder / image["file_name"]).touch()
    annotations = CocoAnnotations.load(folder / "instances.json", masks=masks)
    return CocoDataset(folder, annotations, SIZE, masks=masks)


def test_data_are_the_same_wherever_they_lie(tmp_path: Path) -> None:
    dataset = opened(tmp_path / "here", DOCUMENT)
    mine = data_identity(dataset)
    assert mine.keys() == {"data"}
    assert data_identity(opened(tmp_path / "there", DOCUMENT)) == mine
    assert data_identity(dataset.resized(Preprocess((96, 32)))) == mine


@pytest.mark.parametrize(
    "document",
    [
        renumbered(),
        changed("images", width=61),
        changed("annotations", bbox=[1, 2, 10, 13]),
        changed("annotations", category_id=4),
        changed("annotations", iscrowd=1),
        changed("annotations", image_id=7),
        {**DOCUMENT, "images": DOCUMENT["images"][::-1]},
        {**DOCUMENT, "annotations": DOCUMENT["annotations"][:2]},
    ],
)
def test_other_annotations_are_other_data(tmp_path: Path, document: dict[str, Any]) -> None:
    before = data_identity(opened(tmp_path, DOCUMENT))
    assert data_identity(opened(tmp_path, document)) != before


def test_outlines_count_where_they_are_learnt(tmp_path: Path) -> None:
    other = changed("annotations", segmentation=[[1, 2, 11, 2, 11, 14]])
    for masks in (False, True):
        found = [data_identity(opened(tmp_path, each, masks=masks)) for each in (DOCUMENT, other)]
        assert (found[0] == found[1]) == (not masks)


def test_classified_images_are_known_by_name_and_label() -> None:
    def of(*files: tuple[str, int], root: str = "here") -> dict[str, str]:
        images = ClassifiedImages("train", Path(root), ("cat", "dog"), files)
        return data_identity(LabelledImages(ClassificationDataset(images, SIZE, train=True)))

    before = of(("cat/1.png", 0), ("dog/2.png", 1))
    assert of(("cat/1.png", 0), ("dog/2.png", 1), root="there") == before
    assert of(("cat/1.png", 0), ("dog/3.png", 1)) != before
    assert of(("cat/1.png", 0), ("dog/2.png", 0)) != before


def test_of_other_data_nothing_is_known() -> None:
    assert data_identity([1, 2]) == {}


def test_options_that_change_nothing_are_left_out() -> None:
    plain = make_space("detnas-nano", input_hw=(64, 96))
    arch = plain.sample(np.random.default_rng(0))
    spec = plain.detector(arch)
    told = target_identity(plain, arch, {"input_hw": (64, 96)}, spec)
    assert told["target"] == target_name(plain, arch) == f"detnas-nano:{plain.encode(arch)}"
    assert told["options"] == {"input_hw": (64, 96), "num_classes": 80}
    said = {"input_hw": [64, 96], "head": "fpn", "norm": "bn", "num_classes": 80}
    assert target_identity(plain, arch, said, spec) == told
    other = target_identity(plain, arch, {"norm": "gn_ws"}, spec)["options"]
    assert other == {"norm": "gn_ws", "input_hw": (64, 96), "num_classes": 80}
    assert target_identity(plain, None, {}, spec)["target"] == "detnas-nano"


def test_a_space_of_ones_own_has_the_options_that_are_told() -> None:
    class Own:
        name = "own"

    spec = VARIANTS["retinanet"]
    told = target_identity(Own(), None, {"depth": 3}, spec)  # type: ignore[arg-type]
    assert told["options"]["depth"] == 3


def content(identity: RunIdentity) -> dict[str, Any]:
    return {
        "config": asdict(identity.config),
        "images": identity.images,
        "others": dict(identity.others),
    }


def test_what_differs_is_named_with_both_values() -> None:
    others = {"data": "a", "options": {"head": "fpn", "input_hw": [64, 64]}, "flip": 0.5}
    before = RunIdentity(CONFIG, 3, others)
    assert before.differences(content(before)) == ()
    now = replace(before, others={"data": "b", "options": {"input_hw": (64, 96), "norm": "gn"}})
    assert now.differences(content(before)) == (
        "data: 'a' then, 'b' now",
        "flip: 0.5 then, None now",
        "options.head: 'fpn' then, None now",
        "options.input_hw: [64, 64] then, [64, 96] now",
        "options.norm: None then, 'gn' now",
    )


def test_what_a_checkpoint_does_not_tell_is_not_compared() -> None:
    now = RunIdentity(CONFIG, 3, {"data": "a", "options": {"norm": "gn"}, "target": "x"})
    old = content(replace(now, others={}))
    assert now.differences(old) == ()
    del old["others"]
    assert now.differences(old) == ()
    by_recipe = content(replace(now, others={"target": "y"}))
    assert now.differences(by_recipe) == ("target: 'y' then, 'x' now",)
    flipped = replace(now, others={"flip": 0.5})
    assert flipped.differences(old) == ("flip: None then, 0.5 now",)
