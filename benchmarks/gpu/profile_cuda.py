"""A space on a CUDA device with torch: closure error, held-out error, and four ways of timing.

    python benchmarks/gpu/profile_cuda.py                      # detnas-small: about 30 minutes
    python benchmarks/gpu/profile_cuda.py --minutes 5 --engine-option channels_last=true

It profiles the space, fits, and predicts other random detectors; then it times modules of the
space, and one whole detector, in several ways:

* launched: kernel by kernel, torch's events, as the profile does;
* replayed: as a CUDA graph where it can be captured, else the reason why not;
* channels_last, half: launched, with these options;
* pycuda, cuda-python: launched, on a stream and between events of the package that drives
  TensorRT here, where it is installed. It has to agree with torch's events.

Figures go to benchmarks/results/gpu-torch-cuda.json. Where there is no CUDA device that file is
written, too, and says "not measured", unless it holds figures of an earlier run.

The table is kept in --work, so that a second run goes on where the first stopped. Lock the GPU's
clock before (``nvidia-smi -lgc``) if you may, and unlock it afterwards (``nvidia-smi -rgc``).
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
import typer

from engines import (
    EngineError,
    TimingProtocol,
    TorchBackend,
    TorchOptions,
    get_backend,
    installed_packages,
    load_cuda,
)
from latency import (
    LatencyTable,
    ProfileConfig,
    Workload,
    WorkloadModel,
    describe_evaluation,
    describe_predictor,
    describe_table,
    evaluate,
    fit,
    macs_proportional_ms,
    profile,
    score,
)
from searchspaces import chain, distinct_modules, make_space, parse_size, write_atomically

RESULTS = Path(__file__).parent.parent / "results" / "gpu-torch-cuda.json"
HELD_OUT_SEED = 1
BLOCKS, BLOCK_MS, WARMUP_RUNS = 30, 5.0, 20
WAYS = {
    "launched": TorchOptions(),
    "replayed": TorchOptions(graphs="auto"),
    "channels_last": TorchOptions(channels_last=True),
    "half": TorchOptions(),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What is profiled, and how long."""

    space: str
    options: dict[str, Any]
    device: str
    engine_options: tuple[str, ...]
    seconds: float
    replicates: int
    minutes: float | None
    exploratory: bool
    work: Path


def main(
    space: str = "detnas-small",
    head: str = "retinanet",
    size: Annotated[str, typer.Option("--input")] = "320x320",
    device: str = "cuda:0",
    engine_option: Annotated[
        list[str] | None, typer.Option(help="As of `detfit profile`.")
    ] = None,
    detectors: Annotated[int, typer.Option(help="Calibration detectors.")] = 16,
    held_out: Annotated[int, typer.Option(help="Held-out detectors.")] = 16,
    seconds: Annotated[float, typer.Option(help="At most this long per measurement.")] = 1.0,
    replicates: Annotated[int, typer.Option(help="Repetitions with new engines.")] = 2,
    minutes: Annotated[float | None, typer.Option(help="At most, of the profile.")] = None,
    exploratory: Annotated[bool, typer.Option(help="As of `detfit profile`.")] = False,
    work: Path = Path("benchmarks/work/gpu"),
    results: Path = RESULTS,
) -> None:
    record: dict[str, Any] = {"command": shlex.join(["python", *sys.argv])}
    reason = missing(device)
    if reason is not None:
        if results.exists() and json.loads(results.read_text())["status"] == "measured":
            print(f"not measured: {reason}; {results} keeps the figures of an earlier run")
            return
        _write(results, {"status": "not measured", "reason": reason, **record})
        return
    options = {"head": head, "input_hw": parse_size(size), "num_classes": 80}
    setting = Setting(
        space,
        options,
        device,
        tuple(engine_option or ()),
        seconds,
        replicates,
        minutes,
        exploratory,
        work,
    )
    record |= {"space": space, "head": head, "input": size}
    record |= _predicted(setting, detectors, held_out)
    record["timing"] = list(_ways(setting))
    _write(results, {"status": "measured", **record})


def missing(device: str) -> str | None:
    """Return why nothing can be measured here, None if it can."""
    try:
        found = get_backend("torch").probe(device)
    except EngineError as error:
        return str(error)
    return None if found.kind == "cuda" else f"{device} is no CUDA device"


def _predicted(setting: Setting, detectors: int, held_out: int) -> dict[str, Any]:
    begun = time.monotonic()
    table = _table(setting, "profile", detectors, modules=True, seed=0)
    seconds = time.monotonic() - begun
    unseen = _table(setting, "held-out", held_out, modules=False, seed=HELD_OUT_SEED)
    predictor = fit(table)
    result = evaluate(predictor, unseen)
    graphs = [workload.graph for workload, _ in unseen.detectors()]
    measured = [measurement.median_ms for _, measurement in unseen.detectors()]
    baseline = score(macs_proportional_ms(table, graphs), np.array(measured))
    fitted, fields = describe_predictor(predictor), describe_evaluation(result)
    print(
        f"MAPE: closure, detectors left out {fitted['left_out_mape']:.2f} %; "
        f"held out {fields['mape']:.2f} %; proportional to MACs {baseline.mape:.2f} %"
    )
    return {
        "device": table.device.to_dict(),
        "profile_s": seconds,  # 0 where an earlier run's table was there
        "table": describe_table(table),
        "predictor": fitted,
        "held_out": fields,
        "proportional_to_macs_mape": baseline.mape,
    }


def _table(
    setting: Setting, name: str, detectors: int, *, modules: bool, seed: int
) -> LatencyTable:
    config = ProfileConfig(
        protocol=TimingProtocol(max_seconds=setting.seconds),
        device=setting.device,
        detectors=detectors,
        modules=modules,
        replicates=setting.replicates,
        minutes=setting.minutes,
        exploratory=setting.exploratory,
        seed=seed,
    )
    return profile(
        make_space(setting.space, **setting.options),
        get_backend("torch", setting.engine_options),
        config,
        setting.work / f"{setting.space}-{name}.jsonl",
        space_options=setting.options,
        resume=True,
        progress=_progress(name),
    )


def _ways(setting: Setting) -> Iterator[dict[str, Any]]:
    """Time each kind of module once, and a whole detector, in every way."""
    space = make_space(setting.space, **setting.options)
    specs, (arch, *_) = distinct_modules(space)
    kinds = {spec.kind: spec for spec in specs}
    workloads = [Workload("module", kind, chain([spec])) for kind, spec in kinds.items()]
    workloads.append(Workload("detector", space.encode(arch), space.detector(arch).graph(1)))
    for workload in workloads:
        row: dict[str, Any] = {"workload": workload.label, **_engine_ways(workload, setting)}
        for name in installed_packages():
            row[f"{name}_ms"] = _package_ms(name, workload, setting.device)
        print(json.dumps(row))
        yield row


def _engine_ways(workload: Workload, setting: Setting) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for way, options in WAYS.items():
        precision = "fp16" if way == "half" else "fp32"
        protocol = TimingProtocol(precision=precision, max_seconds=setting.seconds)
        backend = TorchBackend(options)
        try:
            with backend.build(
                WorkloadModel(workload), precision=precision, device=setting.device
            ) as engine:
                row[f"{way}_ms"] = engine.measure(protocol).median_ms
                if engine.warnings:
                    row[f"{way}_warnings"] = list(engine.warnings)
        except EngineError as error:
            row[f"{way}_error"] = str(error)
    return row


def _package_ms(name: str, workload: Workload, device: str) -> float:
    """Return the median of a module's runs between the events of a package, on its stream."""
    target = torch.device(device)
    model = WorkloadModel(workload)
    module = model.torch_module().to(target)
    tensors = [torch.tensor(array, device=target) for array in model.example_inputs().values()]
    with (
        torch.backends.cudnn.flags(
            enabled=True, benchmark=True, allow_tf32=False
        ),  # as engines do
        torch.cuda.device(target),
        torch.inference_mode(),
        _package_timer(name, target, lambda: module(*tensors)) as timer,
    ):
        timer(WARMUP_RUNS)
        runs = max(1, round(BLOCK_MS * WARMUP_RUNS / timer(WARMUP_RUNS)))
        return median(timer(runs) / runs for _ in range(BLOCKS))


@contextmanager
def _package_timer(
    name: str, target: torch.device, step: Callable[[], object]
) -> Iterator[Callable[[int], float]]:
    """Give a timer as the engines' own: ``n`` runs from an idle queue to an empty one."""
    torch.cuda.synchronize(target)  # the inputs are there before another stream reads them
    with closing(load_cuda(name).open(target.index or 0)) as session, session.current():
        stream, start, end = session.stream(), session.event(), session.event()
        outside = torch.cuda.ExternalStream(stream.handle, device=target)

        def timer(runs: int) -> float:
            with torch.cuda.stream(outside):
                stream.synchronize()
                start.record(stream)
                for _ in range(runs):
                    step()
                end.record(stream)
                end.synchronize()
            return end.ms_since(start)

        try:
            yield timer
        finally:
            stream.synchronize()
            torch.cuda.empty_cache()  # holds memory by stream
            for held in (start, end, stream):
                held.free()


def _progress(name: str) -> Callable[[str, float, float], None]:
    last = [0.0]

    def show(message: str, done: float, total: float) -> None:
        if time.monotonic() - last[0] > 15:
            last[0] = time.monotonic()
            print(f"  {name}: {done:.0f}/{total:.0f} {message}", flush=True)

    return show


def _write(path: Path, record: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())
    print(f"{record.get('reason', 'done')}; {record['status']}, written to {path}")


if __name__ == "__main__":
    typer.run(main)
