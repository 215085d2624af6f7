"""What the tests of several processes train, here and in the processes that they start.

Run as a script it is one of these processes: ``together.py SCENARIO DATA OUT``.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from safetensors.torch import save_file
from torch import Tensor, distributed, nn

from detection import (
    CocoDataset,
    Detector,
    Preprocess,
    Supernet,
    TrainAugment,
    TrainConfig,
    TrainingError,
    one_detector,
    open_split,
    train,
    uniform_paths,
)
from detection.training.checkpoint import list_checkpoints
from detection.training.detector_scores import DetectorScores
from detection.training.processes import current_processes, joined_processes
from detection.training.synced_norm import SyncedBatchNorm2d
from searchspaces import DetNasSpace

SIDE = 64
# Losses after 20 steps differ by 1e-4 where weights differed by 1e-7: normalised alone, maps of
# one pixel in a small batch amplify rounding. Synchronised ones are compared in float64.
CONFIG = TrainConfig(steps=20, batch_size=4, lr=0.001, warmup_steps=5, log_every=1, seed=3)
SYNCED = CONFIG  # batch normalisation over both processes
APART = replace(CONFIG, sync_bn=False)  # over each process's part of the batch
LONG = TrainConfig(
    steps=60,
    batch_size=2,
    lr=0.005,
    warmup_steps=5,
    log_every=1,
    checkpoint_every=7,
    ema_decay=0.9,
    seed=1,
)
COUNTS = ((3, 1), (0, 2))  # images of each process, in two batches


def open_shapes(folder: Path) -> CocoDataset:
    size = (SIDE, SIDE)
    return open_split(folder, "train", Preprocess(size), augment=TrainAugment(size), train=True)


def nano(head: str) -> DetNasSpace:
    return DetNasSpace("detnas-nano", head, (SIDE, SIDE), 3)


def supernet(head: str) -> Supernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Supernet(nano(head))


def detector() -> Detector:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        space = nano("retinanet")
        return Detector(space.detector(space.decode("0123012301")))


def talkative() -> Detector:
    """Return a detector that is sure enough of what it says to be scored."""
    root = detector().eval()
    nn.init.zeros_(root.get_parameter("nodes.retinanet_head.classes.bias"))
    return root


def whole_batch(batch: int) -> Tensor:
    """Return all values ``(n, c, h, w)`` of a batch, the first process's before the second's."""
    generator = torch.Generator().manual_seed(batch)
    return torch.randn(sum(COUNTS[batch]), 5, 4, 3, generator=generator) * 3 + 7


def weights_of_loss(like: Tensor) -> Tensor:
    """Return what values are multiplied by to be a loss whose gradient is not trivial."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(9))


def fresh_norm() -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(5)
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(0.5, 2, 5))
        layer.bias.copy_(torch.linspace(-1, 1, 5))
    return layer


class InDouble:
    """Compute in float64 up to the losses."""

    def __init__(self, detector: Detector) -> None:
        self.detector, self.parameters = detector, detector.parameters

    def losses(self, images: Tensor, *others: Any) -> dict[str, Tensor]:
        return self.detector.losses(images.double(), *others)


def train_supernet(
    head: str, config: TrainConfig, data: Path, out: Path, double: bool = False
) -> list[float]:
    root = supernet(head)
    paths = uniform_paths(root, config.seed)
    if double:
        root.double()
    report = train(
        lambda step: InDouble(paths(step)) if double else paths(step),
        root,
        open_shapes(data),
        config,
        out / head,
    )
    assert not any(isinstance(module, SyncedBatchNorm2d) for module in root.modules())
    values = torch.cat([p.detach().flatten() for p in root.parameters()])
    for other in current_processes().gather(values.double().sum().item()):
        assert other == values.double().sum().item()
    return [row.total for row in report.history]


def curves(data: Path, out: Path) -> dict[str, list[float]]:
    """Return the losses of every step, each with its own kind of supernet and normalisation."""
    return {
        "apart": train_supernet("fpn", APART, data, out / "apart"),
        "synced": train_supernet("retinanet", SYNCED, data, out / "synced", double=True),
        "boxes": train_supernet("fpn", replace(SYNCED, steps=3), data, out / "boxes"),
    }


def norms(data: Path, out: Path) -> dict[str, Any]:
    """Write what this process's layer gives, its gradients and its statistics."""
    rank = distributed.get_rank()
    plain = fresh_norm()
    layer = SyncedBatchNorm2d(plain)
    assert layer.weight is plain.weight
    for batch, counts in enumerate(COUNTS):
        whole = whole_batch(batch)
        start = sum(counts[:rank])
        values = whole[start : start + counts[rank]].clone().requires_grad_()
        given = layer(values)
        (given * weights_of_loss(whole)[start : start + counts[rank]]).sum().backward()
        found = {"given": given.detach(), "gradient": values.grad}
        save_file(
            {name: value.contiguous() for name, value in found.items() if value is not None},
            out / f"batch{batch}-rank{rank}.safetensors",
        )
    with torch.no_grad():
        for parameter in layer.parameters():
            distributed.all_reduce(parameter.grad)
    state = {**plain.state_dict(), "d_weight": plain.weight.grad, "d_bias": plain.bias.grad}
    save_file(state, out / f"layer-rank{rank}.safetensors")
    return {}


def poisoned(data: Path, out: Path) -> dict[str, Any]:
    """Return what each process says when the second one's images give no finite loss."""
    root = detector()

    class Poisoned:
        def losses(self, *args: Any) -> dict[str, Tensor]:
            losses = root.losses(*args)
            bad = distributed.get_rank() == 1
            return {name: value * (float("nan") if bad else 1.0) for name, value in losses.items()}

        def parameters(self, recurse: bool = True) -> Any:
            return root.parameters(recurse)

    try:
        train(one_detector(Poisoned()), root, open_shapes(data), CONFIG, out / "poisoned")
    except TrainingError as error:
        return {"messages": current_processes().gather(str(error))}
    return {}


def scores(data: Path, out: Path) -> dict[str, Any]:
    """Return what each process says of the same detector; together they score it once."""
    found = DetectorScores(talkative(), open_split(data, "train", Preprocess((SIDE, SIDE))))
    heard: list[float] = []
    found(lambda _, done, total: heard.append(total))
    assert found.report is not None
    told = {"report": found.report.to_dict(), "heard": heard}
    return {"told": current_processes().gather(told)}


class Normed(nn.Module):
    """Learn one number behind a batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.norm = nn.BatchNorm2d(3)

    def losses(self, images: Tensor, *others: Any) -> dict[str, Tensor]:
        return {"distance": (self.norm(images).mean() + self.weight - 3).square().sum()}


def best(data: Path, out: Path) -> dict[str, Any]:
    """Return, by decay of an average, what each process says of a run that keeps its best step.

    Each normalises by itself, and each would give another score.
    """
    return {str(decay): keep_best(decay, data, out / f"best-{decay}") for decay in (0.0, 0.5)}


def keep_best(decay: float, data: Path, out: Path) -> list[Any]:
    root, rank = Normed(), distributed.get_rank()
    seen: list[list[float]] = []

    def validate(progress: Any) -> dict[str, float]:
        mean = root.norm.get_buffer("running_mean")
        seen.append(mean.tolist())
        return {"digits": 1e4 * mean.double().sum().item() % 1 + rank, "rank": float(rank)}

    config = replace(APART, steps=6, evaluate_every=1, keep_best=True, ema_decay=decay)
    report = train(one_detector(root), root, open_shapes(data), config, out, validate=validate)
    assert report.best is not None
    told = {
        "best": report.best.step,
        "scores": [dict(row.scores) for row in report.history],
        "seen": seen,
        "left": root.norm.get_buffer("running_mean").tolist(),
    }
    return current_processes().gather(told)


def spoilt(data: Path, out: Path) -> dict[str, Any]:
    """Return what each process says when the first one's statistics alone are not finite."""
    root = Normed()

    def learner_for_step(step: int) -> Normed:
        if step == 2 and current_processes().writes:
            root.norm.get_buffer("running_var").fill_(float("inf"))
        return root

    config = replace(APART, steps=4, checkpoint_every=1)
    try:
        train(learner_for_step, root, open_shapes(data), config, out / "spoilt")
    except TrainingError as error:
        return {"messages": current_processes().gather(str(error))}
    return {}


def clocks(data: Path, out: Path) -> dict[str, Any]:
    """Return what is saved when the clock of the second process alone says that it is time."""
    calls, hour = count(), 3600 * distributed.get_rank()
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + hour * next(calls))
    root, config = Normed(), replace(APART, steps=4, checkpoint_minutes=30)
    with mock.patch("detection.training.loop.time", clock):
        train(one_detector(root), root, open_shapes(data), config, out / "clocks")
    left = root.norm.get_buffer("running_mean").tolist()
    saved = [path.name for path in list_checkpoints(out / "clocks")]
    return {"saved": saved, "left": current_processes().gather(left)}


def alone(data: Path, out: Path) -> dict[str, Any]:
    """Train a detector on one process; a test kills it."""
    root = detector()
    train(one_detector(root), root, open_shapes(data), LONG, out)
    return {}


SCENARIOS: dict[str, tuple[Callable[[Path, Path], dict[str, Any]], ...]] = {
    "together": (curves, norms, scores, best, clocks, spoilt, poisoned),
    "alone": (alone,),
}


def main(scenario: str, data: Path, out: Path) -> None:
    with joined_processes():
        found = {run.__name__: run(data, out) for run in SCENARIOS[scenario]}
        if current_processes().writes:
            (out / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
