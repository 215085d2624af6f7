"""Export every model of the zoo at every opset and compare engines with torch on photographs.

Each model is built at --size with random weights, settled on photographs as `benchmarks/zoo.py`
does it, and exported at opsets 17 to 20, and at 17 with dynamic batch, which is run on one image
and on three at once. Torch, onnxruntime and OpenVINO detect on the same photographs; detections
are matched by class at IoU 0.99 and F1 is over both sides. The same is done with torchvision's own
Faster R-CNN, Mask R-CNN, RetinaNet and FCOS, given fixed shapes; there torch is torchvision's
module under `detection.fixed_shape`.

Where a detection has no partner, the engine is also compared with what torch detects with other
convolution kernels (without oneDNN), and torch with itself: of two boxes with scores equal to the
last digit, rounding decides which one suppresses the other, and random weights, whose scores
saturate on some photographs, make such ties.

A detection needs a partner from 0.01 above the score at which its detector cuts its list off: at
the cut-off itself the last digit decides on which side it has one.

    python -m benchmarks.export_coverage --data COCO     # two hours on one core
    python -m benchmarks.export_coverage --data COCO --only E0,CR-ResNet50

Finished models are kept in --work, so that a second run goes on where the first stopped; the most
different ones come first. The figures of all that are finished, and the names of those that are
not, go to benchmarks/results/export-coverage.json. The exit code is 1 where F1 is below 0.999 with
both kernels of torch.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import torch
import torchvision
import typer

from benchmarks.zoo import settle
from detection import (
    CocoDataset,
    Detector,
    ForeignDetector,
    ImageDetections,
    Preprocess,
    detect_dataset,
    fixed_shape,
    open_split,
    run_engine,
    run_module,
)
from engines import EngineError, OnnxModel, get_backend
from export import ExportError, check_onnx, compare_detections, export_onnx
from latency import module_of_node
from searchspaces import ZOO, parse_arch, parse_size, write_atomically

ROOT = Path(__file__).parents[1]
ENGINES = ("onnxruntime", "openvino")
OPSETS = (17, 18, 19, 20)
RELEASES = {17: ("8.5", "8.6", "10.4", "11.1"), 18: ("10.4", "11.1")}
CONTROL_FLOW = ("If", "Loop", "Scan")
CUT_OFF = 0.05
"""Score below which detectors of the zoo, and of torchvision but one, give no detection."""

ABOVE_CUT_OFF = 0.01
NEEDED_F1 = 0.999
FOREIGN = (
    "fasterrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "fcos_resnet50_fpn",
)
OTHER_CUT_OFFS = {"fcos_resnet50_fpn": 0.2}
FIRST = (
    *("E0", "E3", "DetNASNet-300M-FPN", "DetNASNet-1.3G", "CR-ResNet50", "SCR-ResNeXt50"),
    *("CascadeRCNN-R18-FPN", "MaskRCNN-MobileNetV2-FPN", "RetinaNet-R18-FPN"),
    *FOREIGN,
)
"""One of every family."""


def main(
    data: Annotated[Path, typer.Option(help="Folder in COCO's layout.")],
    only: Annotated[str | None, typer.Option(help="Comma-separated names.")] = None,
    images: Annotated[int, typer.Option(help="Photographs that are compared.")] = 6,
    size: Annotated[str, typer.Option(help="Input, WIDTHxHEIGHT.")] = "256x192",
    threads: int = 1,
    work: Annotated[Path, typer.Option(help="Finished models.")] = ROOT
    / "benchmarks/work/coverage",
    results: Path = ROOT / "benchmarks/results/export-coverage.json",
) -> None:
    """Measure what is missing, then write the figures."""
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    every = (*FIRST, *(name for name in ZOO if name not in FIRST))
    names = every if only is None else only.split(",")
    if unknown := sorted(set(names).difference(every)):
        raise typer.BadParameter(f"unknown {', '.join(unknown)}; known {', '.join(every)}")
    files = {name: work / f"{name}-{size}-{images}.json" for name in every}
    failed: dict[str, str] = {}
    for place, name in enumerate(names, 1):
        row = finished(files[name], name)
        if row is None:
            try:
                row = measure(name, data, images, parse_size(size), threads)
            except (EngineError, ExportError) as error:
                failed[name] = str(error)
                print(f"{place}/{len(names)} {name}: {error}", flush=True)
                continue
            write_atomically(files[name], json.dumps(row, indent=1).encode())
        print(f"{place}/{len(names)} {name}: least F1 {told(row)}", flush=True)
        summary = _summary(files, size, images, failed)
        write_atomically(results, (json.dumps(summary, indent=1) + "\n").encode())
    measured = [row for name in names if (row := finished(files[name], name)) is not None]
    reached = all(least_f1_of_either(row) >= NEEDED_F1 for row in measured)
    raise typer.Exit(0 if reached and not failed else 1)


def finished(kept: Path, name: str) -> dict[str, Any] | None:
    """Return what was measured; `None` where nothing was, or by an older rule."""
    if not kept.exists():
        return None
    row: dict[str, Any] = json.loads(kept.read_text())
    complete = least_f1(row) == 1 or "torch_with_other_kernels" in row
    return row if complete and row.get("score_floor") == score_floor(name) else None


def score_floor(name: str) -> float:
    """Return the score from which a detection needs a partner."""
    return round(OTHER_CUT_OFFS.get(name, CUT_OFF) + ABOVE_CUT_OFF, 3)


def measure(
    name: str, data: Path, images: int, input_hw: tuple[int, int], threads: int
) -> dict[str, Any]:
    """Build, export and compare one model."""
    photographs = open_split(data, "val", Preprocess(input_hw)).first(images)
    module = _foreign(name, photographs) if name in FOREIGN else _ours(name, photographs)
    torchs = TorchDetections(module, photographs, score_floor(name))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for opset, is_dynamic in (*((opset, False) for opset in OPSETS), (OPSETS[0], True)):
            path = Path(folder) / "model.onnx"
            began = time.perf_counter()
            export_onnx(module, path, opset=opset, dynamic_batch=is_dynamic)
            row: dict[str, Any] = {
                "opset": opset,
                "dynamic_batch": is_dynamic,
                "seconds": time.perf_counter() - began,
            }
            row |= _graph_figures(path, opset)
            for engine in ENGINES:
                row[engine] = _compare(engine, path, torchs, is_dynamic, threads)
            rows.append(row)
            path.unlink()
    measured = {
        "name": name,
        "input_hw": list(input_hw),
        "images": images,
        "score_floor": torchs.floor,
        "exports": rows,
    }
    if least_f1(measured) < 1:
        measured["torch_with_other_kernels"] = torchs.compared(torchs.with_other_kernels)
    return measured


@dataclass(frozen=True)
class TorchDetections:
    """What torch detects in photographs, by its usual convolution kernels and by others."""

    module: Detector | ForeignDetector
    photographs: CocoDataset
    floor: float

    @cached_property
    def usual(self) -> list[ImageDetections]:
        return detect_dataset(run_module(self.module), self.photographs)

    @cached_property
    def with_other_kernels(self) -> list[ImageDetections]:
        with torch.backends.mkldnn.flags(enabled=False):
            return detect_dataset(run_module(self.module), self.photographs)

    def judged(self, found: Sequence[ImageDetections]) -> dict[str, Any]:
        """Return an engine's figures; by the other kernels, too, where a partner is missing."""
        figures = self.compared(found)
        if figures["f1"] < 1:
            other = self.compared(found, self.with_other_kernels)
            figures["f1_with_other_kernels"] = other["f1"]
        return figures

    def compared(
        self,
        found: Sequence[ImageDetections],
        expected: Sequence[ImageDetections] | None = None,
    ) -> dict[str, Any]:
        """Return the figures of detections against torch's usual ones, or against others."""
        expected = self.usual if expected is None else expected
        rows = max(len(image.scores) for image in (*expected, *found))
        report = compare_detections(expected, found, score_floor=self.floor, top_d=rows)
        return {
            "f1": report.f1,
            "torch_detections": report.torch_detections,
            "engine_detections": report.engine_detections,
            "max_score_difference": report.max_score_difference,
            "mask_iou": report.mask_iou,
            "orphans": list(report.orphans),
        }


def _ours(name: str, photographs: CocoDataset) -> Detector:
    space, arch = parse_arch(f"zoo:{name}", input_hw=photographs.preprocess.input_hw)
    torch.manual_seed(0)
    detector = Detector(space.detector(arch))
    settle(detector, photographs)
    return detector.eval()


def _foreign(name: str, photographs: CocoDataset) -> ForeignDetector:
    from tests.detection.foreign.torchvision_detectors import make

    batch = torch.stack([photographs[number][0] for number in range(2)])
    return fixed_shape(make(name, batch), photographs.preprocess.input_hw)


def _graph_figures(path: Path, opset: int) -> dict[str, Any]:
    model = onnx.load(path)
    kinds = Counter(node.op_type for node in model.graph.node)
    targets = RELEASES.get(opset, RELEASES[18])
    return {
        "nodes": len(model.graph.node),
        "control_flow": sum(kinds[kind] for kind in CONTROL_FLOW),
        "nodes_of_a_module": sum(
            module_of_node(node.name) is not None for node in model.graph.node
        ),
        "tensorrt": {release: check_onnx(path, release).passed for release in targets},
    }


def _compare(
    engine: str, path: Path, torchs: TorchDetections, is_dynamic: bool, threads: int
) -> dict[str, Any]:
    photographs = torchs.photographs
    shape = (1, 3, *photographs.preprocess.input_hw)
    inputs = {"image": np.zeros(shape, np.float32)}
    with get_backend(engine).build(OnnxModel(path, inputs), threads=threads) as built:
        return {
            f"batch_{batch}": torchs.judged(
                detect_dataset(run_engine(built), photographs, batch_size=batch)
            )
            for batch in ((1, 3) if is_dynamic else (1,))
        }


def least_f1(row: dict[str, Any]) -> float:
    """Return the smallest F1 of a model's exports against torch's usual kernels."""
    return min(float(figures["f1"]) for figures in _all_figures(row))


def least_f1_of_either(row: dict[str, Any]) -> float:
    """Return the smallest F1 where each engine is held against the kernels it is nearer to."""
    return min(
        max(float(figures["f1"]), float(figures.get("f1_with_other_kernels", 0.0)))
        for figures in _all_figures(row)
    )


def told(row: dict[str, Any]) -> str:
    """Return the smallest F1, and what else is known where it is not 1."""
    text = f"{least_f1(row):.5f}"
    if least_f1(row) == 1:
        return text
    itself = row["torch_with_other_kernels"]["f1"]
    return f"{text} ({least_f1_of_either(row):.5f} with other kernels; torch itself {itself:.5f})"


def _all_figures(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for export in row["exports"]:
        for engine in ENGINES:
            yield from export[engine].values()


def _summary(
    files: Mapping[str, Path], size: str, images: int, failed: Mapping[str, str]
) -> dict[str, Any]:
    found = {name: finished(file, name) for name, file in files.items()}
    rows = [row for row in found.values() if row is not None]
    return {
        "command": "python -m benchmarks.export_coverage",
        "versions": {
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "onnx": onnx.__version__,
            **{name: str(get_backend(name).probe().engine_version) for name in ENGINES},
        },
        "input": size,
        "images": images,
        "not_run": [name for name, row in found.items() if row is None and name not in failed],
        "failed": dict(failed),
        "least_f1": min(map(least_f1, rows)),
        "least_f1_of_either": min(map(least_f1_of_either, rows)),
        "models": rows,
    }


if __name__ == "__main__":
    typer.run(main)
