"""The line that says whether a supernet, or what it began with, has seen what scores it."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from detection import LearntImages
from search.training.images import SearchImages
from search.training.learnt import told_of_start, told_of_supernet

OWN = LearntImages("archtrain")


def images(shared: int = 0, split: str = "archtrain") -> SearchImages:
    scoring = cast(Any, range(4))
    return SearchImages(scoring, scoring, "of archval", "f0", shared, {}, split)


@pytest.mark.parametrize(
    ("learnt", "shared", "said"),
    [
        ([OWN], 0, ", from which B has not learnt"),
        ([OWN, OWN, LearntImages("train", "f0")], 0, ", from which B has not learnt"),
        ([LearntImages("train", "f0")], 4, ", from which B has not learnt"),
        ([OWN], 3, "; B may have learnt from 3 of them, which flatters its scores: score on"),
        ([LearntImages()], 0, "; B does not say what it has learnt from: if from these, its"),
        (
            [OWN, LearntImages("train"), LearntImages()],
            0,
            ", from which B itself has not learnt; what B began with has learnt train, and may "
            "have seen them there, which flatters the scores: score on what",
        ),
        (
            [OWN, LearntImages()],
            0,
            ", from which B itself has not learnt; what B began with does not say what it has "
            "learnt from: if from these, they flatter the scores",
        ),
    ],
)
def test_what_a_supernet_has_seen(learnt: Sequence[LearntImages], shared: int, said: str) -> None:
    assert told_of_supernet("B", learnt, images(shared)).startswith(f"4 images of archval{said}")


def test_what_a_start_has_seen() -> None:
    assert told_of_start("A", [], images()) is None
    assert told_of_start("A", [OWN], images()) is None
    said = told_of_start("A", [LearntImages("train")], images())
    assert said is not None
    assert said.startswith(
        "4 images of archval; A, which the training begins with, has learnt train, and may have"
    )
    assert told_of_start("A", [OWN], images(shared=2)) is not None  # held out by another seed
