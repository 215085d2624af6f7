"""Build, run, export and compare every model of the zoo at its own input size.

Each model is built with random weights (trained ones are not published in a form that this
machine can fetch), its normalisation statistics are taken from photographs and its classifiers
are spread so that box selection has work. It is exported to ONNX; torch and onnxruntime then
detect on the same photographs, and their detections are matched by class at IoU 0.99.

Networks of ShuffleNetV2 blocks keep their initial statistics: they have no residual sums, and a
deep random network that normalises by its own statistics multiplies every rounding error from
layer to layer, in torch alone as well. ``--conditioning DetNASNet-3.8G`` shows it: noise of one
millionth on a photograph grows 460,000 times by the last stage, with initial statistics twice.

    python benchmarks/zoo.py --data COCO     # all models: about an hour
    python benchmarks/zoo.py --data COCO --only E0,CR-ResNet50

Finished models are kept in --work, so that a second run goes on where the first stopped. The
table is written to docs/zoo.md, the figures to benchmarks/results/zoo.json.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from detection import (
    CocoDataset,
    Detector,
    Preprocess,
    detect_dataset,
    open_split,
    recalibrate_bn,
    run_engine,
    run_module,
    spread_scores,
)
from engines import OnnxModel, get_backend
from export import compare_detections, export_onnx
from searchspaces import ZOO, describe_detector, parse_arch, write_atomically

ROOT = Path(__file__).parents[1]
STATISTICS_IMAGES = 2
SCORE_FLOOR = 0.05
MATCHED = 0.99


def main(
    data: Annotated[Path, typer.Option(help="Folder in COCO's layout.")],
    only: Annotated[str | None, typer.Option(help="Comma-separated names.")] = None,
    images: Annotated[int, typer.Option(help="Photographs that are compared.")] = 8,
    threads: int = 2,
    work: Annotated[Path, typer.Option(help="Finished models.")] = ROOT / "benchmarks/work/zoo",
    document: Annotated[Path, typer.Option(help="Table to write.")] = ROOT / "docs/zoo.md",
    results: Path = ROOT / "benchmarks/results/zoo.json",
    conditioning: Annotated[
        str | None, typer.Option(help="Only show how one model multiplies rounding errors.")
    ] = None,
) -> None:
    """Measure what is missing, then write table and figures."""
    if conditioning:
        show_conditioning(conditioning, data)
        return
    work.mkdir(parents=True, exist_ok=True)
    names = list(ZOO) if only is None else only.split(",")
    torch.set_num_threads(threads)
    for place, name in enumerate(names, 1):
        kept = work / f"{name}.json"
        if not kept.exists():
            row = measure(name, data, images, threads)
            write_atomically(kept, json.dumps(row, indent=1).encode())
        row = json.loads(kept.read_text())
        print(f"{place}/{len(names)} {name}: {row['matched_fraction']:.4f} matched", flush=True)
    rows = [json.loads((work / f"{name}.json").read_text()) for name in names]
    if only is None:
        write_atomically(results, (json.dumps(_summary(rows), indent=1) + "\n").encode())
        write_atomically(document, "\n".join(_document(rows)).encode())
    worst = min(rows, key=lambda row: row["matched_fraction"])
    print(f"{len(rows)} models, worst {worst['name']} {worst['matched_fraction']:.4f}")
    raise typer.Exit(0 if worst["matched_fraction"] >= MATCHED else 1)


def measure(name: str, data: Path, images: int, threads: int) -> dict[str, Any]:
    """Build, run, export and compare one model."""
    space, arch = parse_arch(f"zoo:{name}")
    spec = space.detector(arch)
    photographs = open_split(data, "val", Preprocess(spec.input_hw)).first(images)
    torch.manual_seed(0)
    detector = Detector(spec)
    settle(detector, photographs)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        artifact = export_onnx(detector, Path(folder) / "model.onnx")
        export_s = time.perf_counter() - began
        began = time.perf_counter()
        ours = detect_dataset(run_module(detector.eval()), photographs)
        torch_s = time.perf_counter() - began
        backend = get_backend("onnxruntime")
        with backend.build(OnnxModel(artifact.path), threads=threads) as engine:
            began = time.perf_counter()
            theirs = detect_dataset(run_engine(engine), photographs)
            engine_s = time.perf_counter() - began
    rows = spec.graph().tensors["detections"].shape[1]
    report = compare_detections(ours, theirs, score_floor=SCORE_FLOOR, top_d=rows)
    described = describe_detector(space, arch)
    return {
        "name": name,
        "code": described["code"],
        "input_hw": list(spec.input_hw),
        "macs": described["macs"],
        "macs_elementwise": spec.macs(elementwise=True),
        "params": described["params"],
        "published": described["published"],
        "onnx_mb": artifact.size_bytes / 1e6,
        "export_s": export_s,
        "torch_s_per_image": torch_s / images,
        "onnxruntime_s_per_image": engine_s / images,
        "images": images,
        "torch_detections": report.torch_detections,
        "engine_detections": report.engine_detections,
        "matched_fraction": report.matched_fraction,
        "max_score_difference": report.max_score_difference,
        "orphans": list(report.orphans),
    }


def settle(detector: Detector, photographs: CocoDataset) -> None:
    """Give a random detector statistics of photographs, and scores that keep selection busy."""
    batch = torch.stack([photographs[i][0] for i in range(STATISTICS_IMAGES)])
    if all(node.spec.kind != "shuffle_block" for node in detector.graph.nodes):
        recalibrate_bn(detector, [batch])
    spread_scores(detector.eval(), {"image": batch[:1]})


def show_conditioning(name: str, data: Path, noise: float = 1e-6) -> None:
    """Print what noise of ``1e-6`` on a photograph becomes in torch, stage by stage."""
    space, arch = parse_arch(f"zoo:{name}")
    spec = space.detector(arch)
    photographs = open_split(data, "val", Preprocess(spec.input_hw)).first(STATISTICS_IMAGES)
    batch = torch.stack([photographs[i][0] for i in range(STATISTICS_IMAGES)])
    image = batch[:1]
    shaken = image + noise * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    for statistics in ("initial", "photographs"):
        torch.manual_seed(0)
        detector = Detector(spec).eval()
        if statistics == "photographs":
            recalibrate_bn(detector, [batch])
        ends = next(n for n in detector.graph.nodes if n.part == "neck").inputs
        with torch.no_grad():
            pairs = zip(
                detector.run({"image": image}, ends),
                detector.run({"image": shaken}, ends),
                strict=True,
            )
            growth = [float((a - b).std() / a.std() / noise) for a, b in pairs]
        print(f"{name}, {statistics} statistics: noise grows to", *(f"{g:.1f}x" for g in growth))


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"machine": _machine(), "command": "python benchmarks/zoo.py", "models": list(rows)}


def _machine() -> dict[str, str]:
    fields = get_backend("onnxruntime").probe().to_dict()
    wanted = ("name", "cores", "engine_version", "os")
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    return {name: str(fields[name]) for name in wanted if name in fields} | versions


def _document(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    machine = _machine()
    yield "# The zoo\n"
    yield (
        "Written by `python benchmarks/zoo.py --data COCO_DIR`; do not edit. Machine: "
        + ", ".join(f"{name} {value}" for name, value in machine.items())
        + "; shared with other work, so seconds are upper bounds.\n"
    )
    yield (
        "MACs are one multiply-add = 1, without normalisation and activation; *with* adds them "
        "as SM-NAS and CR-NAS do. Parity: torch against onnxruntime on "
        f"{rows[0]['images']} photographs with random weights: the smaller share of matched "
        "detections (class, IoU 0.99) of both sides, among those scored at least "
        f"{SCORE_FLOOR}. Normalisation statistics are those of photographs, in networks of "
        "ShuffleNetV2 blocks the initial ones (see benchmarks/zoo.py). "
        "Published figures: `detfit show zoo:NAME`.\n"
    )
    heads = ("model", "input", "backbone MACs", "total MACs", "with", "parameters", "ONNX")
    yield "| " + " | ".join((*heads, "export", "parity", "detections")) + " |"
    yield "|---|---|" + "---:|" * 8
    for row in rows:
        height, width = row["input_hw"]
        cells = (
            f"`zoo:{row['name']}`",
            f"{width}x{height}",
            f"{row['macs']['backbone'] / 1e9:.2f} G",
            f"{row['macs']['total'] / 1e9:.1f} G",
            f"{row['macs_elementwise']['total'] / 1e9:.1f} G",
            f"{row['params'] / 1e6:.2f} M",
            f"{row['onnx_mb']:.0f} MB",
            f"{row['export_s']:.1f} s",
            f"{100 * row['matched_fraction']:.2f} %",
            str(row["torch_detections"]),
        )
        yield "| " + " | ".join(cells) + " |"
    yield ""


if __name__ == "__main__":
    typer.run(main)
