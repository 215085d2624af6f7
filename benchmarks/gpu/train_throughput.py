"""Images per second of training on a GPU: detectors of the zoo beside torchvision's own.

Faster R-CNN, RetinaNet and Mask R-CNN on ResNet-50 with a pyramid, each with the same input, the
same random images and eight boxes an image, in bfloat16, one after the other in turns: whole steps
of SGD, losses and their gradients included, reading of images not.

    python benchmarks/gpu/train_throughput.py                                  # a few minutes
    python benchmarks/gpu/train_throughput.py --device cpu --precision fp32 --input 128x128 \\
        --batch-size 1 --steps 1 --rounds 1 --results look.json                # does it run

Figures go to benchmarks/results/gpu-training.json. Where there is no CUDA device that file is
written, too, and says "not measured", unless it holds figures of an earlier run.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn
from torchvision.models import detection as reference

from detection import Detector
from searchspaces import parse_arch, parse_size

RESULTS = Path(__file__).parent.parent / "results" / "gpu-training.json"
PAIRS: dict[str, Callable[..., nn.Module]] = {
    "zoo:FasterRCNN-R50-FPN": reference.fasterrcnn_resnet50_fpn,
    "zoo:RetinaNet-R50-FPN": reference.retinanet_resnet50_fpn,
    "zoo:MaskRCNN-R50-FPN": reference.maskrcnn_resnet50_fpn,
}
"""Ours -> torchvision's."""

CLASSES, OBJECTS, WARM_STEPS = 80, 8, 5
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}

Target = dict[str, Any]
Step = Callable[[], dict[str, Tensor]]


def main(
    device: str = "cuda:0",
    precision: Annotated[str, typer.Option(help="bf16, fp16 or fp32.")] = "bf16",
    size: Annotated[str, typer.Option("--input")] = "1088x800",
    batch_size: int = 8,
    steps: Annotated[int, typer.Option(help="Of a turn.")] = 20,
    rounds: Annotated[int, typer.Option(help="Turns of each.")] = 5,
    results: Path = RESULTS,
) -> None:
    record: dict[str, Any] = {"command": shlex.join(["python", *sys.argv])}
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        if results.exists() and json.loads(results.read_text())["status"] == "measured":
            print("no CUDA device here; the figures of an earlier run stay")
            return
        record |= {"status": "not measured", "reason": "no CUDA device"}
    else:
        hw = parse_size(size)
        rows = [
            compared(ours, theirs, hw, batch_size, device, DTYPES[precision], steps, rounds)
            for ours, theirs in PAIRS.items()
        ]
        record |= {
            "status": "measured",
            "device": name_of(device),
            "versions": {name: metadata.version(name) for name in ("torch", "torchvision")},
            "precision": precision,
            "input": size,
            "batch_size": batch_size,
            "rows": rows,
        }
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


def compared(
    ours: str,
    theirs: Callable[..., nn.Module],
    hw: tuple[int, int],
    batch_size: int,
    device: str,
    dtype: torch.dtype | None,
    steps: int,
    rounds: int,
) -> dict[str, Any]:
    """Train both in turns; return the images per second of each, the median of its turns."""
    torch.manual_seed(0)
    images, targets = batch_of(batch_size, hw, device)
    learners = {
        "detfit": own_step(ours, hw, images, targets),
        "torchvision": reference_step(theirs, hw, images, targets),
    }
    runs = {name: optimised(*learner, device, dtype) for name, learner in learners.items()}
    for run in runs.values():
        seconds_of(run, WARM_STEPS if steps > 1 else 1, device)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds_of(run, steps, device))
    speed = {name: batch_size * steps / median(values) for name, values in times.items()}
    row = {
        "arch": ours,
        "macs": parse_arch(ours, input_hw=hw)[0].detector(learners["detfit"][2]).macs()["total"],
        "images_per_second": speed,
        "times_as_fast": speed["detfit"] / speed["torchvision"],
        "seconds": times,
    }
    print(ours, {name: round(value, 2) for name, value in speed.items()}, flush=True)
    return row


def own_step(
    arch: str, hw: tuple[int, int], images: Tensor, targets: list[Target]
) -> tuple[nn.Module, Step, Any]:
    space, architecture = parse_arch(arch, input_hw=hw)
    detector = Detector(space.detector(architecture)).to(images.device)
    detector.to(memory_format=torch.channels_last).train()
    normal = ((images - 0.45) / 0.225).contiguous(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    return detector, lambda: detector.losses(normal, targets, generator), architecture


def reference_step(
    make: Callable[..., nn.Module], hw: tuple[int, int], images: Tensor, targets: list[Target]
) -> tuple[nn.Module, Step, Any]:
    model = make(
        weights=None,
        weights_backbone=None,
        num_classes=CLASSES + 1,
        min_size=min(hw),
        max_size=max(hw),
    )
    model.to(images.device).to(memory_format=torch.channels_last).train()
    shifted = [{**target, "labels": target["labels"] + 1} for target in targets]
    return model, lambda: model(list(images), shifted), None


def optimised(
    module: nn.Module, losses: Step, _: Any, device: str, dtype: torch.dtype | None
) -> Callable[[], None]:
    """Return what does one step."""
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-5, momentum=0.9)
    kind = torch.device(device).type

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(kind, dtype or torch.bfloat16, enabled=dtype is not None):
            total = torch.stack([value.float() for value in losses().values()]).sum()
        total.backward()
        optimizer.step()

    return step


def seconds_of(step: Callable[[], None], steps: int, device: str) -> float:
    synchronise(device)
    began = time.perf_counter()
    for _ in range(steps):
        step()
    synchronise(device)
    return time.perf_counter() - began


def synchronise(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def name_of(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def batch_of(count: int, hw: tuple[int, int], device: str) -> tuple[Tensor, list[Target]]:
    """Return images 0..1, ``(b, 3, h, w)``, and the boxes, labels and masks of each."""
    height, width = hw
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 3, height, width, generator=generator)
    targets = []
    for number in range(count):
        near = torch.rand(OBJECTS, 2, generator=generator) * 0.6
        sides = torch.rand(OBJECTS, 2, generator=generator) * 0.35 + 0.05
        boxes = torch.cat((near, near + sides), 1) * torch.tensor([width, height] * 2)
        masks = torch.zeros(OBJECTS, height, width, dtype=torch.bool)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
            mask[y1:y2, x1:x2] = True
        labels = torch.randint(CLASSES, (OBJECTS,), generator=generator)
        target = {"boxes": boxes, "labels": labels, "masks": masks}
        on_device = {name: value.to(device) for name, value in target.items()}
        targets.append({**on_device, "image_id": number})
    return images.to(device), targets


if __name__ == "__main__":
    typer.run(main)
