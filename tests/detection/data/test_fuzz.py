"""A thousand damaged annotation files: each is read, or refused in one line."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection.data.check.objects import object_stats
from detection.data.layout import find_split
from detection.errors import DatasetError

from .conftest import DOCUMENT, WriteCoco
from .trees import voc_0712, write_bdd

TOKENS = [
    *(b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"9" * 400, b"1.5", b"true", b"null", b'""'),
    *(b"{}", b"[]", b"[" * 3000, b'"\\ud800"', b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"]]>"),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#0;", b"<object>", b"</object>", b"<!--"),
    *(b"<bndbox/>", b"<?xml version='1.0' encoding='utf-16'?>", b"../../x", b"\n", b" "),
]
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**70, 1e300, -0.5, float("nan"), float("inf"), "", "x", "1"),
    *("..", "/etc/passwd", "a\nb", "\ud83d", [], [[]], {}, {"a": 1}, [1, 2, 3, 4], "9" * 5000),
]

Mutate = Callable[[bytes, np.random.Generator], bytes]


def mutated_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Change a few bytes: replace, cut, repeat, insert, or end early."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        start, stop = sorted(int(n) for n in rng.integers(0, len(data) + 1, 2))
        stop = min(stop, start + int(rng.integers(1, 40)))
        kind = int(rng.integers(0, 5))
        if kind == 0 and start < len(data):
            data[start] = int(rng.integers(0, 256))
        elif kind == 1:
            del data[start:stop]
        elif kind == 2:
            data[start:start] = data[start:stop] * int(rng.integers(1, 4))
        elif kind == 3:
            data[start:stop] = TOKENS[int(rng.integers(0, len(TOKENS)))]
        else:
            del data[max(start, 1) :]
    return bytes(data)


def mutated_xml(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, remove or repeat a few elements that hold text only."""
    for _ in range(int(rng.integers(1, 4))):
        leaves = list(re.finditer(rb"<(\w+)>([^<]*)</\1>", content))
        if not leaves:
            break
        leaf = leaves[int(rng.integers(0, len(leaves)))]
        text = str(VALUES[int(rng.integers(0, len(VALUES)))]).encode(errors="replace")
        kind = int(rng.integers(0, 4))
        if kind == 0:
            new = b""
        elif kind == 1:
            new = leaf[0] * 2
        else:
            new = b"<" + leaf[1] + b">" + text + b"</" + leaf[1] + b">"
        content = content[: leaf.start()] + new + content[leaf.end() :]
    return content


def mutated_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, remove or repeat a few values of the document."""
    document = json.loads(content)
    for _ in range(int(rng.integers(1, 4))):
        places = _places(document)
        if not places:
            break
        holder, key = places[int(rng.integers(0, len(places)))]
        kind = int(rng.integers(0, 4))
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(VALUES[int(rng.integers(0, len(VALUES)))])
    return json.dumps(document).encode()


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Return every container of the document with each of its keys."""
    keys = list(document) if isinstance(document, dict) else range(len(document))
    found = [(document, key) for key in keys]
    for value in [document[key] for key in keys]:
        if isinstance(value, dict | list):
            found += _places(value)
    return found


def read_or_refuse(root: Path, split: str, *, masks: bool = False) -> bool:
    """Read a split and use everything of it; return whether it was read."""
    try:
        annotations = find_split(root, split).load(masks=masks)
    except DatasetError as error:
        text = str(error)
        assert text.strip()
        assert text.encode()
        assert len(text.splitlines()) == 1, repr(text)
        assert len(text) < 2000
        return False
    annotations.report()
    object_stats(annotations)
    annotations.ground_truth()
    for index in range(len(annotations.images)):
        boxes, labels = annotations.training_objects(index)
        assert np.isfinite(boxes).all()
        assert len(boxes) == len(labels)
        if masks:
            assert len(list(annotations.training_masks(index))) == len(labels)
    return True


def fuzz(
    root: Path, path: Path, split: str, mutations: list[Mutate], count: int, masks: bool = False
) -> None:
    """Damage one file ``count`` times; some must be read and some refused."""
    content = path.read_bytes()
    assert read_or_refuse(root, split, masks=masks)
    read = 0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        damaged = mutations[seed % len(mutations)](content, rng)
        path.write_bytes(damaged)
        try:
            read += read_or_refuse(root, split, masks=masks)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {damaged[:500]!r}") from error
    assert 0 < read < count


def test_350_files_of_voc(tmp_path: Path) -> None:
    voc_0712(tmp_path)
    paths = sorted((tmp_path / "VOC2007" / "Annotations").glob("00000[1-5].xml"))
    richest = max(paths, key=lambda path: len(path.read_bytes()))
    fuzz(tmp_path, richest, "trainval2007", [mutated_bytes, mutated_xml, mutated_xml], 350)


def test_50_lists_of_voc(tmp_path: Path) -> None:
    voc_0712(tmp_path)
    path = tmp_path / "VOC2007" / "ImageSets" / "Main" / "trainval.txt"
    fuzz(tmp_path, path, "trainval2007", [mutated_bytes], 50)


@pytest.mark.parametrize("form", ["2018", "2020"])
def test_twice_150_files_of_bdd(tmp_path: Path, form: str) -> None:
    write_bdd(tmp_path, form)
    path = find_split(tmp_path, "train").annotations
    fuzz(tmp_path, path, "train", [mutated_bytes, mutated_json, mutated_json], 150)


@pytest.mark.parametrize("masks", [False, True])
def test_twice_150_files_of_coco(write_coco: WriteCoco, masks: bool) -> None:
    document = copy.deepcopy(DOCUMENT)
    for row in document["annotations"]:
        row["segmentation"] = [[0, 0, 9, 0, 9, 9]]
    document["annotations"][0]["segmentation"] = {"size": [30, 20], "counts": [100, 50, 450]}
    root = write_coco(document)
    path = find_split(root, "val").annotations
    fuzz(root, path, "val", [mutated_bytes, mutated_json, mutated_json], 150, masks)
