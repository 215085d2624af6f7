"""Two processes under torchrun (gloo, CPU) against one that computes the same."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from detection import (
    Detector,
    Preprocess,
    ShapesRecipe,
    TrainConfig,
    TrainingError,
    open_split,
    train,
    uniform_paths,
    write_shapes,
)
from detection.losses.retinanet import retinanet_losses
from detection.losses.targets import read_targets
from detection.training.batches import step_batches
from detection.training.detector_scores import DetectorScores
from detection.training.processes import (
    Processes,
    current_processes,
    is_first_process,
    joined_processes,
)
from detection.training.synced_norm import SyncedBatchNorm2d, synced_norms
from searchspaces import IMAGE, reference
from tests.detection.training.together import (
    APART,
    COUNTS,
    SIDE,
    SYNCED,
    fresh_norm,
    open_shapes,
    supernet,
    talkative,
    weights_of_loss,
    whole_batch,
)

ROOT = Path(__file__).parents[3]
TOLERANCE = 1e-4  # of a loss after any of 20 steps


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(num_train=13, num_val=1, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, shapes: Path) -> Path:
    """What two processes found, in a folder."""
    out = tmp_path_factory.mktemp("together")
    script = Path(__file__).with_name("together.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run = subprocess.run(
        [*command, "--nproc-per-node=2", str(script), "together", str(shapes), str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return out


def found(together: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((together / "found.json").read_text())
    return content


def test_two_processes_equal_one_that_accumulates(
    together: Path, shapes: Path, tmp_path: Path
) -> None:
    root = supernet("fpn")
    config = replace(APART, accumulate=2)
    report = train(uniform_paths(root, config.seed), root, open_shapes(shapes), config, tmp_path)
    theirs = found(together)["curves"]["apart"]
    assert [row.total for row in report.history] == pytest.approx(theirs, abs=TOLERANCE)
    assert len(theirs) == 20


class WholeBatch:
    """Normalise over the whole batch, but take the mean of its halves' losses.

    That is what two processes with synchronised normalisation compute; accumulation cannot,
    because its parts are computed one after the other.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector, self.parameters = detector, detector.parameters

    def losses(
        self, images: Tensor, targets: Sequence[Mapping[str, Any]], generator: object
    ) -> dict[str, Tensor]:
        nodes = {node.spec.kind: node for node in self.detector.graph.nodes}
        head = nodes["retinanet_head"].name
        given = self.detector.run({IMAGE: images.double()}, (head, reference(head, 1)))
        logits, deltas = (value.float() for value in given)
        anchors = self.detector.nodes[nodes["retinanet_detections"].name].get_buffer("anchors")
        objects = read_targets(targets, images, self.detector.spec.num_classes)
        config, half = self.detector.loss_config, len(images) // 2
        parts = [
            retinanet_losses(logits[part], deltas[part], anchors, objects[part], config)
            for part in (slice(None, half), slice(half, None))
        ]
        return {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}


def test_synced_normalisation_on_two_processes_equals_one_whole_batch(
    together: Path, shapes: Path, tmp_path: Path
) -> None:
    root = supernet("retinanet").double()
    paths = uniform_paths(root, SYNCED.seed)
    report = train(
        lambda step: WholeBatch(paths(step)), root, open_shapes(shapes), SYNCED, tmp_path
    )
    theirs = found(together)["curves"]["synced"]
    assert [row.total for row in report.history] == pytest.approx(theirs, abs=TOLERANCE)
    assert len(theirs) == 20


def test_accumulation_does_not_normalise_the_whole_batch(
    together: Path, shapes: Path, tmp_path: Path
) -> None:
    root = supernet("retinanet")
    config = replace(SYNCED, accumulate=2, steps=1)
    report = train(uniform_paths(root, config.seed), root, open_shapes(shapes), config, tmp_path)
    first = found(together)["curves"]["synced"][0]
    assert abs(report.history[0].total - first) > 10 * TOLERANCE


def test_boxes_of_two_processes_are_normalised_together(together: Path) -> None:
    assert len(found(together)["curves"]["boxes"]) == 3  # no process waits for the other


def test_the_synced_layer_equals_the_plain_one_on_the_whole_batch(together: Path) -> None:
    layer = fresh_norm()
    for batch in range(len(COUNTS)):
        values = whole_batch(batch).requires_grad_()
        given = layer(values)
        (given * weights_of_loss(values)).sum().backward()
        parts = [load_file(together / f"batch{batch}-rank{rank}.safetensors") for rank in (0, 1)]
        for name, mine in (("given", given.detach()), ("gradient", values.grad)):
            theirs = torch.cat([part[name] for part in parts])
            torch.testing.assert_close(theirs, mine, rtol=1e-5, atol=1e-5)
    for rank in (0, 1):
        state = load_file(together / f"layer-rank{rank}.safetensors")
        for name, value in layer.state_dict().items():
            torch.testing.assert_close(state[name], value, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(state["d_weight"], layer.weight.grad, rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(state["d_bias"], layer.bias.grad, rtol=1e-5, atol=1e-4)


def test_every_process_names_the_images_that_failed(together: Path, shapes: Path) -> None:
    (message, other) = found(together)["poisoned"]["messages"]
    assert message == other
    second = next(iter(step_batches(open_shapes(shapes), SYNCED, Processes(1, 2), 0, 1)))
    ids = [target["image_id"] for _, targets in second for target in targets]
    assert len(ids) == 2
    assert f"not finite at step 0 (class=nan, box=nan) on images {ids}" in message


@pytest.mark.parametrize("decay", ["0.0", "0.5"])
def test_every_process_keeps_the_same_best_step(together: Path, decay: str) -> None:
    first, second = found(together)["best"][decay]
    assert first == second
    assert {row["rank"] for row in first["scores"]} == {0}
    digits = [row["digits"] for row in first["scores"]]
    assert len(set(digits)) == 6
    assert digits[first["best"] - 1] == max(digits)
    assert first["left"] == first["seen"][first["best"] - 1]


def test_what_is_scored_is_what_the_first_process_saves(together: Path) -> None:
    first, _ = found(together)["best"]["0.0"]
    saved = load_file(together / "best-0.0" / "step-00000006" / "weights.safetensors")
    assert saved["norm.running_mean"].tolist() == first["seen"][-1]


def test_processes_save_together_though_their_clocks_differ(together: Path) -> None:
    assert found(together)["clocks"]["saved"] == ["step-00000003", "step-00000004"]


def test_every_process_is_left_with_what_the_first_one_saved(together: Path) -> None:
    saved = load_file(together / "clocks" / "step-00000004" / "weights.safetensors")
    expected = saved["norm.running_mean"].tolist()
    assert found(together)["clocks"]["left"] == [expected, expected]


def test_weights_that_cannot_be_saved_end_every_process(together: Path) -> None:
    message, other = found(together)["spoilt"]["messages"]
    assert message == other
    assert "weights are not finite after 3 steps (norm.running_var), so that they" in message
    assert message.endswith(f"last good checkpoint: {together / 'spoilt' / 'step-00000002'}")


def test_a_single_process_synchronises_nothing() -> None:
    assert current_processes() == Processes(0, 1)
    assert is_first_process()
    root = torch.nn.Sequential(fresh_norm())
    with synced_norms(root, wanted=True):
        assert type(root[0]) is torch.nn.BatchNorm2d
    values = whole_batch(0)
    assert torch.equal(SyncedBatchNorm2d(fresh_norm())(values), fresh_norm()(values))


def test_parts_are_those_of_the_batch(shapes: Path) -> None:
    def ids(processes: Processes, config: TrainConfig) -> list[list[int]]:
        steps = step_batches(open_shapes(shapes), config, processes, 2, 5)
        return [[t["image_id"] for _, ts in parts for t in ts] for parts in steps]

    whole = ids(Processes(), SYNCED)
    halves = [ids(Processes(rank, 2), SYNCED) for rank in (0, 1)]
    assert [a + b for a, b in zip(*halves, strict=True)] == whole
    assert ids(Processes(), replace(SYNCED, accumulate=4)) == whole
    assert len(whole) == 3
    with pytest.raises(TrainingError, match="batch_size 4 does not divide into 3 processes x 1"):
        ids(Processes(0, 3), SYNCED)


@pytest.mark.parametrize(
    ("variables", "device", "message"),
    [
        ({"WORLD_SIZE": "2"}, "cpu", "lacking RANK, LOCAL_RANK"),
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}, "mps", "only cpu and cuda can"),
    ],
)
def test_incomplete_variables_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], device: str, message: str
) -> None:
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    if device != "cpu":
        variables = {**variables, "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=message), joined_processes(device):
        pass


def test_two_processes_score_as_one(together: Path, shapes: Path) -> None:
    validation = open_split(shapes, "train", Preprocess((SIDE, SIDE)))
    alone = DetectorScores(talkative(), validation).score()
    theirs = found(together)["scores"]["told"]
    for one in theirs:
        assert one["report"]["n_detections"] == alone.n_detections > 0
        assert one["report"]["ap50"] == pytest.approx(alone.ap50, abs=1e-6)
    assert alone.ap50 > 0
    assert [one["heard"] for one in theirs] == [[7], []]  # 7 of 13 are the first one's
