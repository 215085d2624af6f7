"""How many detectors a second are predicted, on one core.

For some spaces, random detectors are predicted as a search does it
(`Predictor.for_space(space).predict_ms`): once with modules that the predictor meets for the first
time, and again when it knows them. Beside it, on fewer detectors: `Predictor.predict_ms`, which
lists every detector's modules, and `Predictor.predict`, which also gives interval and breakdown.

    python -m benchmarks.prediction_speed    # about a minute; processor time of this machine

The predictor is fitted on a profile of the analytic engine `fake`: what it says does not matter
here. Figures are written to benchmarks/results/prediction-speed.json.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer

from engines import FakeBackend, TimingProtocol, cpu_device
from latency import Predictor, ProfileConfig, fit, profile
from searchspaces import SearchSpace, make_space, write_atomically

RESULTS = Path(__file__).parent / "results" / "prediction-speed.json"
SPACES = ("detnas-small", "detnas-large", "crnas-resnet50", "crnas-resnet101", "smnas-modular")
TARGET = 50_000
REPEATS = 5
FITTED_ON: dict[str, Any] = {"head": "retinanet", "input_hw": (64, 64)}


def main(
    count: Annotated[int, typer.Option(help="Detectors at a time.")] = 5_000,
    few: Annotated[int, typer.Option(help="Of them for the slower ways.")] = 50,
    seed: int = 0,
    output: Path = RESULTS,
) -> None:
    predictor = fitted()
    rows = []
    for name in SPACES:
        rows.append(timed(predictor, make_space(name), count, few, np.random.default_rng(seed)))
        print(
            f"{name:18s}"
            + "".join(f"  {way} {rate:9,.0f}/s" for way, rate in rows[-1]["per_second"].items()),
            flush=True,
        )
    record = {
        "command": "python -m benchmarks.prediction_speed " + " ".join(sys.argv[1:]),
        "device": cpu_device("none", "none").to_dict(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy")},
        },
        "target_per_second": TARGET,
        "spaces": rows,
    }
    output.parent.mkdir(exist_ok=True)
    write_atomically(output, (json.dumps(record, indent=1) + "\n").encode())
    print(f"written to {output}")


def fitted() -> Predictor:
    protocol = TimingProtocol(warmup_min_ms=0, warmup_max_ms=1, min_samples=6, max_samples=6)
    with TemporaryDirectory() as folder:
        table = profile(
            make_space("detnas-nano", **FITTED_ON),
            FakeBackend(),
            ProfileConfig(protocol=protocol, replicates=1, detectors=8, input_sets=0),
            Path(folder) / "fake.jsonl",
            space_options=FITTED_ON,
        )
    return fit(table)


def timed(
    predictor: Predictor, space: SearchSpace, count: int, few: int, rng: np.random.Generator
) -> dict[str, Any]:
    archs = [space.sample(rng) for _ in range(count)]
    first = seconds(lambda: predictor.for_space(space).predict_ms(archs))
    fast = predictor.for_space(space)
    fast.predict_ms(archs)
    again = min(seconds(lambda: fast.predict_ms(archs)) for _ in range(REPEATS))
    some = archs[:few]
    listed = seconds(lambda: predictor.predict_ms([space.detector(arch) for arch in some]))
    whole = seconds(lambda: [predictor.predict(space.detector(arch)) for arch in some])
    alike = np.allclose(
        fast.predict_ms(some), predictor.predict_ms([space.detector(arch) for arch in some])
    )
    return {
        "space": space.name,
        "detectors": count,
        "equal_to_single_predictions": bool(alike),
        "per_second": {
            "known modules": count / again,
            "first time": count / first,
            "predict_ms": few / listed,
            "predict": few / whole,
        },
    }


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that some work takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    typer.run(main)
