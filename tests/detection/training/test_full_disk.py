"""A disk that is full while a checkpoint is written: what was there stays, and a run goes on."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from detection import (
    CheckpointError,
    CocoDataset,
    ShapesRecipe,
    TrainConfig,
    one_detector,
    train,
    write_shapes,
)
from detection.training import checkpoint
from detection.training.checkpoint import list_checkpoints
from tests.detection.training.together import SIDE, detector, open_shapes

CONFIG = TrainConfig(steps=4, batch_size=2, lr=0.005, log_every=1, checkpoint_every=2)
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    recipe = ShapesRecipe(num_train=4, num_val=1, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return open_shapes(write_shapes(tmp_path_factory.mktemp("shapes"), recipe))


def run(dataset: CocoDataset, folder: Path) -> nn.Module:
    root = detector()
    train(one_detector(root), root, dataset, CONFIG, folder)
    return root


def fail_from(call: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is another one until the disk is full."""
    calls = 0

    def sometimes(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= call:
            raise FULL
        return real(*args, **options)

    return sometimes


# Of each checkpoint two files are written and one folder is renamed.
FAILURES = [("write_atomically", 3), ("write_atomically", 4), ("os.replace", 2)]


@pytest.mark.parametrize(("name", "call"), FAILURES)
def test_the_checkpoint_before_survives_and_a_run_goes_on(
    dataset: CocoDataset, tmp_path: Path, name: str, call: int
) -> None:
    whole = run(dataset, tmp_path / "whole")
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        if name == "os.replace":  # of folders: the files are renamed by others
            replaces = fail_from(call, os.replace)
            patch.setattr(checkpoint.os, "replace", only_folders(replaces))
        else:
            patch.setattr(checkpoint, name, fail_from(call, checkpoint.write_atomically))
        with pytest.raises(CheckpointError, match="No space left on device") as caught:
            run(dataset, folder)
    message = str(caught.value)
    assert "step-00000004: cannot be written" in message
    assert "step-00000002 is kept; make room on the disk, then go on by --resume" in message
    assert "\n" not in message
    assert [path.name for path in list_checkpoints(folder)] == ["step-00000002"]
    assert not list(folder.glob(".partial-*"))  # its space is given back
    resumed = run(dataset, folder)
    for key, value in resumed.state_dict().items():
        assert torch.equal(value, whole.state_dict()[key])


def only_folders(replace_: Callable[..., Any]) -> Callable[..., Any]:
    real = os.replace

    def chosen(source: Any, target: Any) -> None:
        (replace_ if Path(source).is_dir() else real)(source, target)

    return chosen


def test_a_disk_that_was_full_from_the_beginning(
    dataset: CocoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "write_atomically", fail_from(1, checkpoint.write_atomically))
    with pytest.raises(CheckpointError, match="there is none from before; make room"):
        run(dataset, tmp_path)
    assert list_checkpoints(tmp_path) == []


def test_what_a_killed_save_left_is_removed_by_the_run_that_goes_on(
    dataset: CocoDataset, tmp_path: Path
) -> None:
    run(dataset, tmp_path)
    (tmp_path / ".partial-step-00000009").mkdir()
    (tmp_path / ".partial-step-00000009" / "weights.safetensors").write_bytes(b"torn")
    root = detector()
    report = train(one_detector(root), root, dataset, CONFIG, tmp_path)
    assert report.resumed_at == CONFIG.steps
    assert not list(tmp_path.glob(".partial-*"))


def test_two_runs_in_one_folder(dataset: CocoDataset, tmp_path: Path) -> None:
    """The second one would remove the checkpoints of the first."""
    root = detector()

    def second(message: str, done: float, total: float) -> None:
        other = detector()
        with pytest.raises(CheckpointError, match="another training runs there; wait for it"):
            train(one_detector(other), other, dataset, CONFIG, tmp_path, resume=False)

    first = train(one_detector(root), root, dataset, CONFIG, tmp_path, progress=second)
    assert first.checkpoint.is_dir()
    other = replace(CONFIG, seed=5)
    again = train(one_detector(root), root, dataset, other, tmp_path, resume=False)
    assert again.resumed_at == 0
