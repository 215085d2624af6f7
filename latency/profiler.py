"""Measure a space: chains for module costs in context, whole detectors for the closure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from engines import Backend, DeviceInfo, Engine, EngineError, TimingProtocol
from searchspaces import Architecture, SearchSpace, chain, distinct_modules

from .context import Recipe, plan_context
from .errors import ProfileError
from .manifest import Manifest
from .table import LatencyTable, Row
from .table_file import TableWriter
from .workload import CHAIN, DETECTOR, MODULE, Workload, WorkloadModel

Progress = Callable[[str, float, float], None]
_SOFTWARE = ("detfit", "torch", "torchvision", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileConfig:
    """Say what to measure and how long.

    Attributes:
        protocol: How each engine is timed; carries threads and precision.
        device: ``cpu`` or ``cuda:0``.
        batch: Images per run.
        detectors: Whole detectors, drawn at random, that closure and intervals are fitted on.
        modules: Whether chains are measured; off gives a table of whole detectors, such as a
            held-out set.
        isolated: Whether every module is also timed alone (for comparison; closure needs none).
        replicates: Independent repetitions, each with a newly built engine and in another order.
        minutes: Stop after this long with the best table so far; ``None`` measures everything.
        seed: Chooses detectors, weights, inputs and the order of later replicates.
    """

    protocol: TimingProtocol = field(default_factory=TimingProtocol)
    device: str = "cpu"
    batch: int = 1
    detectors: int = 16
    modules: bool = True
    isolated: bool = False
    replicates: int = 3
    minutes: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("detectors", 0), ("replicates", 1)):
            if getattr(self, name) < least:
                raise ProfileError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.minutes is not None and not self.minutes > 0:
            raise ProfileError(f"minutes must be above 0, got {self.minutes}")
        if not self.modules and not self.detectors:
            raise ProfileError("nothing to measure: neither modules nor detectors are asked for")


def profile(
    space: SearchSpace,
    backend: Backend,
    config: ProfileConfig,
    path: Path | str,
    *,
    space_options: Mapping[str, Any],
    resume: bool = False,
    progress: Progress | None = None,
) -> LatencyTable:
    """Measure a space on an engine into a table file.

    The first replicate runs in the order of :func:`plan_profile`, which makes the table useful
    early; later ones in random order. A workload that fails is recorded, and the profile goes on.

    Args:
        space: What to profile.
        backend: The engine.
        config: What to measure and how long.
        path: The table file.
        space_options: What the space was made with, recorded in the manifest.
        resume: Go on with an existing file.
        progress: Called with message, workloads done and workloads in all.

    Raises:
        ProfileError: The engine is not available here.
        TableError: The file exists without ``resume``, is damaged or belongs to something else.
    """
    reason = backend.unavailable_reason()
    if reason:
        raise ProfileError(f"engine {backend.name} cannot be used here: {reason}")
    workloads, recipes = plan_profile(space, config)
    session = _Session(backend, config)
    manifest = Manifest(
        session.device(workloads),
        config.protocol,
        config.batch,
        json.loads(json.dumps({"name": space.name, **space_options})),  # as it is read back
        _software(),
        config.seed,
        recipes,
    )
    with TableWriter(path, manifest, resume=resume) as writer:
        session.run(workloads, writer, progress)
        return writer.close()


def plan_profile(
    space: SearchSpace, config: ProfileConfig
) -> tuple[tuple[Workload, ...], tuple[Recipe, ...]]:
    """List what a profile measures, in the order of its first replicate, and how it combines.

    The tail's chains come first: nothing can stand in for them. Then the blocks' chains and the
    whole detectors alternate, so that a profile that is cut short can be fitted, the modules not
    reached being estimated, and slow drifts of the machine fall on both alike.
    """
    chains: list[Workload] = []
    recipes: tuple[Recipe, ...] = ()
    precision = config.protocol.precision
    if config.modules:
        _, covering = distinct_modules(space)
        graphs = [space.detector(arch).graph(config.batch, precision) for arch in covering]
        plan = plan_context(graphs)
        chains += plan.workloads
        recipes = plan.recipes
    if config.isolated:
        chains += [Workload(MODULE, r.spec.kind, chain([r.spec])) for r in recipes]
    detectors: list[Workload] = []
    for arch in sample_distinct(space, config.detectors, np.random.default_rng(config.seed)):
        graph = space.detector(arch).graph(config.batch, precision)
        detectors.append(Workload(DETECTOR, f"{space.name}:{space.encode(arch)}", graph))
    tails = [w for w in chains if _is_tail(w)]
    others = [w for w in chains if not _is_tail(w)]
    ordered = [*tails, *_alternate(others, detectors)]
    return tuple({workload.key: workload for workload in ordered}.values()), recipes


def _is_tail(workload: Workload) -> bool:
    """Return whether a chain holds none of the blocks that other chains can stand in for."""
    return workload.role == CHAIN and all(n.part != "backbone" for n in workload.graph.nodes)


def _alternate(a: list[Workload], b: list[Workload]) -> list[Workload]:
    """Merge two lists evenly, each in its own order."""
    placed = [
        ((index + 1) / (len(items) + 1), which, item)
        for which, items in enumerate((a, b))
        for index, item in enumerate(items)
    ]
    return [item for _, _, item in sorted(placed, key=lambda entry: entry[:2])]


def sample_distinct(
    space: SearchSpace, count: int, rng: np.random.Generator
) -> tuple[Architecture, ...]:
    """Draw distinct architectures; fewer only where the space holds fewer."""
    wanted, found = min(count, space.size), dict[Architecture, None]()
    for _ in range(100 * wanted + 100):
        if len(found) >= wanted:
            break
        found[space.canonical(space.sample(rng))] = None
    return tuple(found)[:wanted]


class _Session:
    """Build, time and record workloads on one backend."""

    def __init__(self, backend: Backend, config: ProfileConfig) -> None:
        self._backend = backend
        self._config = config

    def device(self, workloads: tuple[Workload, ...]) -> DeviceInfo:
        """Return the device as the first engine that can be built names it."""
        error: Exception | None = None
        for workload in workloads:
            try:
                with self._engine(workload) as engine:
                    return engine.device
            except (EngineError, RuntimeError) as caught:
                error = caught
        raise ProfileError(f"no engine could be built for any workload; the last: {error}")

    def run(
        self, workloads: tuple[Workload, ...], writer: TableWriter, progress: Progress | None
    ) -> None:
        tasks = list(self._tasks(workloads))
        done = {(row.workload.key, row.replicate) for row in writer.table.rows}
        started, budget_s = time.monotonic(), (self._config.minutes or float("inf")) * 60
        for index, (workload, replicate) in enumerate(tasks):
            if progress:
                progress(workload.label, index, len(tasks))
            if (workload.key, replicate) in done:
                continue
            if time.monotonic() - started >= budget_s:
                return
            writer.append(self._measure(workload, replicate))
        if progress:
            progress("profile complete", len(tasks), len(tasks))

    def _tasks(self, workloads: tuple[Workload, ...]) -> Iterable[tuple[Workload, int]]:
        rng = np.random.default_rng(self._config.seed)
        for replicate in range(self._config.replicates):
            order = range(len(workloads)) if not replicate else rng.permutation(len(workloads))
            for index in order:
                yield workloads[int(index)], replicate

    def _measure(self, workload: Workload, replicate: int) -> Row:
        try:
            with self._engine(workload) as engine:
                return Row(workload, replicate, engine.measure(self._config.protocol))
        except (EngineError, RuntimeError) as error:  # a runtime's own errors included
            return Row(workload, replicate, None, f"{type(error).__name__}: {error}")

    def _engine(self, workload: Workload) -> Engine:
        return self._backend.build(
            WorkloadModel(workload, self._config.seed),
            precision=self._config.protocol.precision,
            threads=self._config.protocol.threads,
            device=self._config.device,
        )


def _software() -> dict[str, str]:
    versions = {}
    for name in _SOFTWARE:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
