"""What weights have learnt from is told from file to file."""

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from detection import (
    LearntImages,
    WeightsInfo,
    learnt_before,
    learnt_images,
    save_weights,
)

NOTHING = LearntImages()


def info(*, detects: bool = True, **notes: Any) -> WeightsInfo:
    return WeightsInfo("detnas-nano", 1, label_names=("cat",) if detects else (), notes=notes)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (info(split="train"), (LearntImages("train"), NOTHING)),  # of an earlier release
        (info(split="train", learnt_before=[]), (LearntImages("train"),)),
        (
            info(split="archtrain", held_out_sha256="f0", learnt_before=[{"split": "train"}, {}]),
            (LearntImages("archtrain", "f0"), LearntImages("train"), NOTHING),
        ),
        (info(detects=False), ()),
        (info(detects=False, learnt_before=[{"split": "all"}]), (LearntImages("all"),)),
        (info(split=3, learnt_before="all"), (NOTHING, NOTHING)),
        (info(learnt_before=[7]), (NOTHING, NOTHING)),
    ],
)
def test_trainings_are_read(told: WeightsInfo, found: tuple[LearntImages, ...]) -> None:
    assert learnt_images(told) == found


def test_the_note_is_read_back(tmp_path: Path) -> None:
    module = nn.Linear(2, 2)
    first = save_weights(tmp_path / "a", module, info(split="train", learnt_before=[]))
    again = info(split="archtrain", held_out_sha256="f0", **learnt_before(str(first)))
    second = save_weights(tmp_path / "b", module, again)
    assert learnt_before(str(second)) == {
        "learnt_before": [
            {"split": "archtrain", "held_out_sha256": "f0"},
            {"split": "train"},
        ]
    }
    assert learnt_before("scratch") == learnt_before("imagenet") == {"learnt_before": []}


def test_bare_tensors_say_nothing(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(dict(nn.Linear(2, 2).state_dict()), tmp_path / "bare.safetensors")
    assert learnt_before(str(tmp_path / "bare.safetensors")) == {"learnt_before": [{}]}
