"""A device that takes so many times the predicted milliseconds, and how a run is looked at."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from engines import DeviceInfo, EngineRunError, Measurement
from latency import DETECTOR, Predictor, Visit, Workload
from search import Certification, SearchResult
from searchspaces import Architecture, make_space
from tests.search.conftest import OPTIONS

SPACE = make_space("detnas-nano", **OPTIONS)


def score(arch: Architecture) -> float:
    """Larger genes cost more and score more, by and large."""
    return float(sum(int(gene) * 3**place for place, gene in enumerate(arch.genes)))


class Bench:
    """A device that takes so many times the predicted milliseconds."""

    def __init__(
        self, predictor: Predictor, factors: dict[str, Sequence[float]], usual: float = 1.0
    ) -> None:
        self.predictor, self.factors, self.usual = predictor, factors, usual
        self.visited: list[str] = []
        self.sentinel = predictor.manifest.sentinel

    @property
    def device(self) -> DeviceInfo:
        return self.predictor.manifest.device

    def workload(self, architecture: Architecture) -> Workload:
        graph = SPACE.detector(architecture).graph(1, "fp32")
        return Workload(DETECTOR, f"{SPACE.name}:{SPACE.encode(architecture)}", graph)

    def visit(self, architecture: Architecture) -> Visit:
        code = SPACE.encode(architecture)
        factors = self.factors.get(code, (self.usual,))
        factor = factors[self.visited.count(code) % len(factors)]
        self.visited.append(code)
        if factor == 0:
            raise EngineRunError("out of\nmemory")
        ms = factor * float(self.predictor.predict_ms([SPACE.detector(architecture)])[0])
        return Visit(measurement(self.predictor, ms), self.predictor.reference_ms, 0.0)


def measurement(predictor: Predictor, ms: float) -> Measurement:
    return Measurement(
        raw_ms=(ms,) * 6,
        warmup_ms=(),
        block_runs=1,
        protocol=replace(predictor.manifest.protocol, cache="chained"),
        device=predictor.manifest.device,
        converged=True,
        steady=True,
        started_at="2026-01-01T00:00:00+00:00",
    )


def front_codes(result: SearchResult, budget_ms: float) -> list[str]:
    """The front within a budget, most accurate first."""
    front = result.front_of("latency_ms", budget_ms)
    points = sorted(front, key=lambda point: -point.values[1])
    return [SPACE.encode(point.architecture) for point in points]


def codes(certification: Certification) -> list[str]:
    return [candidate.arch.partition(":")[2] for candidate in certification.certified]


def middle(result: SearchResult) -> float:
    """A budget inside the front, with room above the slowest member that it admits."""
    times = sorted(point.values[0] for point in result.front)
    gaps = [1.04 * a for a, b in itertools.pairwise(times) if b > 1.04 * a]
    return gaps[len(gaps) // 2]
