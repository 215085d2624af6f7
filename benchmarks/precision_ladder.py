"""What fp16 and int8 cost a two-stage detector, and whether a planted overflow is repaired.

`zoo:FasterRCNN-R18-FPN` is trained on generated images and exported by the command line, once in
int8, which gives the whole ladder (fp32, fp16 as the engine runs it, fp16 as a GPU would, int8).
Then a batch normalisation is scaled up by 100,000 and the convolution behind it down by as much:
the same function in fp32, infinite in half precision. It is exported in fp16, first without the
search for nodes to keep in fp32 and then with it.

    python benchmarks/precision_ladder.py                   # about 40 minutes on one core
    python benchmarks/precision_ladder.py --engine onnxruntime

Data and weights are kept in --work. The figures are written to benchmarks/results/.
"""

from __future__ import annotations

import copy
import json
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import typer

from detection import Detector, read_weights_info, save_weights
from engines import get_backend
from export import load_bundle, load_detector

RESULTS = Path(__file__).parent / "results"
ARCH = "zoo:FasterRCNN-R18-FPN"
SHAPES = ("--train", "600", "--val", "200", "--size", "96x96", "--classes", "5")
OPTIONS = ("--input", "96x96", "--classes", "5", "--proposals", "50")
LEARNING = ("--batch-size", "4", "--optimizer", "adamw", "--lr", "1e-3")
GAIN = 1e5
PAIRS = (("first", "second"), ("reduce", "spatial"))
"""Steps of residual blocks, each a convolution and its normalisation, one behind the other."""


def main(
    engine: str = "openvino",
    steps: int = 900,
    max_ap_drop: float = 1.0,
    work: Path = Path("benchmarks/work/precision"),
) -> None:
    work.mkdir(parents=True, exist_ok=True)
    data, weights = work / "shapes", work / "r18.safetensors"
    if not data.exists():
        detfit("data", "shapes", str(data), *SHAPES)
    if not weights.exists():
        how = (*OPTIONS, *LEARNING, "--steps", str(steps), "--resume")
        detfit("train", ARCH, "--data", str(data), "-o", str(weights), *how)
    planted = work / "r18-planted.safetensors"
    kept = ("--engine", engine, "--verify", str(data), "--max-ap-drop", str(max_ap_drop))
    int8 = exported(weights, work / f"int8-{engine}", "int8", kept)
    module = plant(weights, planted, work / f"int8-{engine}")
    lost = exported(planted, work / f"planted-{engine}", "fp16", (*kept, "--no-fp32-search"))
    found = exported(planted, work / f"repaired-{engine}", "fp16", kept)
    result = {
        "command": "python benchmarks/precision_ladder.py " + " ".join(sys.argv[1:]),
        "machine": machine(engine),
        "engine": engine,
        "max_ap_drop": max_ap_drop,
        "int8": int8,
        "overflow": {"planted_in": module, "without_search": lost, "with_search": found},
    }
    for title, part in (("int8", int8), ("overflow", lost), ("overflow, searched", found)):
        show(title, part)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"precision-ladder-{engine}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {path}")


def detfit(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line; progress goes to the screen, what it prints is returned."""
    print("detfit " + " ".join(arguments), flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "detfit", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"detfit {arguments[0]} ended with {done.returncode}: {done.stdout}")
    return done


def exported(weights: Path, out: Path, precision: str, kept: tuple[str, ...]) -> dict[str, Any]:
    """Export and return what the command says of precisions and verdict."""
    started = time.perf_counter()
    done = detfit(
        *("export", ARCH, "--weights", str(weights), "--precision", precision, *kept),
        *("-o", str(out), "--overwrite", "--json"),
    )
    fields = json.loads(done.stdout)
    return {
        "exit_code": done.returncode,
        "seconds": time.perf_counter() - started,
        "outcome": fields["outcome"],
        **fields["precision"],
    }


def plant(weights: Path, out: Path, bundle: Path) -> str:
    """Write the weights with an overflow in the middle of the backbone; return where."""
    info = read_weights_info(weights)
    detector = copy.deepcopy(load_detector(load_bundle(bundle).manifest.origin, weights))
    name, before, after = middle_pair(detector)
    with torch.no_grad():
        before.weight *= GAIN
        before.bias *= GAIN
        after.weight /= GAIN
    save_weights(out, detector, info)
    return name


def middle_pair(detector: Detector) -> tuple[str, torch.nn.BatchNorm2d, torch.nn.Conv2d]:
    """Return a normalisation, and the only convolution that reads what it gives."""
    found = []
    for name, module in detector.nodes.named_children():
        for step, following in PAIRS:
            if hasattr(module, step):
                norm, convolution = getattr(module, step)[1], getattr(module, following)[0]
                found.append((name, norm, convolution))
    if not found:
        raise SystemExit(f"{ARCH} has no normalisation between two convolutions of one branch")
    return found[len(found) // 2]


def machine(engine: str) -> dict[str, Any]:
    """Return what the figures were made on."""
    packages = ("torch", "onnx", "onnxruntime", "openvino", "numpy")
    return {
        "device": get_backend(engine).probe().to_dict(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
    }


def show(title: str, part: dict[str, Any]) -> None:
    print(f"\n{title}: exit code {part['exit_code']} after {part['seconds']:.0f} s")
    for row in part["rows"]:
        low, high = row["drop_ci"] or (float("nan"), float("nan"))
        print(
            f"  {row['precision']:5} {row['arithmetic']:34} AP {row['AP']:6.2f}  "
            f"drop {row['drop']:+6.2f} ({low:+.2f} to {high:+.2f})  "
            f"{row['median_ms'] or float('nan'):7.2f} ms  {row['nodes_in_fp32']} nodes in fp32"
        )
    for node in part["kept_in_fp32"]:
        print(f"  in fp32: {node['name']}: {node['why']}")
    print(f"  search: {part['search'] or part['note']}")


if __name__ == "__main__":
    typer.run(main)
