"""A disk that is full in the middle of a training: what was there stays, and a run goes on."""

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
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
    train_detector,
    weights,
    write_shapes,
)
from detection.training import checkpoint, lock, log
from detection.training.checkpoint import list_checkpoints
from searchspaces import make_space
from tests.detection.training.together import SIDE, detector, open_shapes

CONFIG = TrainConfig(steps=4, batch_size=2, lr=0.005, log_every=1, checkpoint_every=2)
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CocoDataset:
    recipe = ShapesRecipe(num_train=4, num_val=1, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return open_shapes(write_shapes(tmp_path_factory.mktemp("shapes"), recipe))


def run(dataset: CocoDataset, folder: Path, **changes: Any) -> nn.Module:
    root = detector()
    train(one_detector(root), root, dataset, replace(CONFIG, **changes), folder)
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
    with pytest.raises(CheckpointError, match="there is no checkpoint from before; make room"):
        run(dataset, tmp_path)
    assert list_checkpoints(tmp_path) == []


# The log is begun by one whole write, a second one is due at the first loss; rows are appended.
LOG_FAILURES = [
    ("write_atomically", 1, "there is no checkpoint from before"),
    ("write_atomically", 2, "there is no checkpoint from before"),
    ("append_whole", 1, "there is no checkpoint from before"),
    ("append_whole", 2, "step-00000002 is kept"),
]


@pytest.mark.parametrize(("name", "call", "kept"), LOG_FAILURES)
def test_a_log_that_cannot_be_written(
    dataset: CocoDataset, tmp_path: Path, name: str, call: int, kept: str
) -> None:
    whole, folder = run(dataset, tmp_path / "whole"), tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, name, fail_from(call, getattr(log, name)))
        with pytest.raises(CheckpointError) as caught:
            run(dataset, folder)
    assert str(caught.value) == (
        f"{folder / 'log.csv'}: cannot be written (No space left on device); {kept}; make room "
        "on the disk, then go on by --resume"
    )
    resumed = run(dataset, folder)
    for key, value in resumed.state_dict().items():
        assert torch.equal(value, whole.state_dict()[key])
    names = [path / "log.csv" for path in (folder, tmp_path / "whole")]
    assert names[0].read_text() == names[1].read_text()


@pytest.mark.parametrize("failing", ["begin", "add_scalar", "close"])
def test_tensorboards_files_that_cannot_be_written(
    dataset: CocoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def told(what: str) -> None:
        if what == failing:
            raise FULL

    class Writer:  # of torch.utils.tensorboard, as far as it is used
        def __init__(self, log_dir: str, *, purge_step: int) -> None:
            told("begin")

        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            told("add_scalar")

        def close(self) -> None:
            told("close")

    module = SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    with pytest.raises(CheckpointError, match=r"tensorboard: cannot be written \(No space left"):
        run(dataset, tmp_path, tensorboard=True)
    failing = ""
    run(dataset, tmp_path, tensorboard=True)
    kept = [path.name for path in list_checkpoints(tmp_path)]
    assert kept == ["step-00000002", "step-00000004"]


def test_weights_that_cannot_be_written_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"head": "retinanet", "input_hw": (SIDE, SIDE), "num_classes": 2}
    recipe = ShapesRecipe(
        num_train=4, num_val=1, image_hw=(SIDE, SIDE), size_px=(32, 56), num_classes=2
    )
    data, output = write_shapes(tmp_path / "data", recipe), tmp_path / "w.safetensors"
    space = make_space("detnas-nano", **options)

    def go_on() -> None:
        train_detector(
            space,
            space.decode("0123012301"),
            data,
            CONFIG,
            output,
            space_options=options,
            resume=True,
        )

    with monkeypatch.context() as patch:
        patch.setattr(weights, "write_atomically", fail_from(1, weights.write_atomically))
        with pytest.raises(CheckpointError) as caught:
            go_on()
    assert str(caught.value) == (
        f"{output}: cannot be written (No space left on device); step-00000004 is kept; make room "
        "on the disk, then go on by --resume"
    )
    assert not output.exists()
    go_on()
    assert output.is_file()


def test_a_folder_that_cannot_be_made(
    dataset: CocoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deep" / "run"

    def full(*_: Any, **__: Any) -> None:
        raise FULL

    monkeypatch.setattr(lock.Path, "mkdir", full)
    with pytest.raises(CheckpointError, match=r"run: cannot be written .*, then try again"):
        run(dataset, folder)


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
