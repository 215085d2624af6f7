"""A run that is killed and told to stop at any step ends with the undisturbed one's weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from detection import Detector, ShapesRecipe, TrainReport, one_detector, train, write_shapes
from detection.training.checkpoint import list_checkpoints
from tests.detection.training.together import LONG, SIDE, detector, open_shapes

ROOT = Path(__file__).parents[3]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(num_train=7, num_val=1, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


def steps_in_log(folder: Path) -> int:
    path = folder / "log.csv"
    lines = path.read_text().splitlines() if path.exists() else []
    return int(lines[-1].partition(",")[0]) if len(lines) > 1 else 0


def kill_at(step: int, number: signal.Signals, shapes: Path, out: Path) -> int:
    """Train in another process, send it a signal at a step, and return how it ended."""
    script = Path(__file__).with_name("together.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), "alone", str(shapes), str(out)]
    with subprocess.Popen(command, env=environment) as process:
        waited = time.monotonic()
        while steps_in_log(out) < step and process.poll() is None:
            assert time.monotonic() - waited < PATIENCE_S
            time.sleep(0.002)
        process.send_signal(number)
        return process.wait()


def finish(shapes: Path, out: Path) -> tuple[Detector, TrainReport]:
    root = detector()
    return root, train(one_detector(root), root, open_shapes(shapes), LONG, out)


def test_sixty_steps_bit_for_bit_after_sigkill_and_sigterm(shapes: Path, tmp_path: Path) -> None:
    undisturbed, whole = finish(shapes, tmp_path / "whole")
    killed, stopped = np.sort(np.random.default_rng(7).integers(8, 55, 2)).tolist()
    out = tmp_path / "disturbed"
    assert kill_at(killed, signal.SIGKILL, shapes, out) == -signal.SIGKILL
    after_kill = int(list_checkpoints(out)[-1].name[-8:])
    assert after_kill % LONG.checkpoint_every == 0
    assert kill_at(stopped, signal.SIGTERM, shapes, out) == -signal.SIGTERM
    after_stop = int(list_checkpoints(out)[-1].name[-8:])
    assert stopped <= after_stop == steps_in_log(out) < LONG.steps
    resumed, report = finish(shapes, out)
    assert report.resumed_at == after_stop
    assert report.history == whole.history
    for name, value in undisturbed.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert (out / "log.csv").read_text() == (tmp_path / "whole" / "log.csv").read_text()
