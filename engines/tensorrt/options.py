"""How TensorRT engines are built beyond what every backend is told; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineBuildError
from ..options import Option, choice, whole
from .api import TYPINGS
from .builder import ON_CACHE_MISS
from .cuda import PACKAGES
from .shapes import BatchRange
from .timing_cache import TimingCache

LEVELS = range(6)
EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRtOptions:
    """State how engines are built beyond what every backend is told.

    Attributes:
        batch: Batch sizes of models whose first dimension is open; None for that of the examples.
        timing_cache: Pinned timing cache: part of the device's identity. None for none.
        on_cache_miss: ``time`` what the cache does not hold, or ``refuse`` to build.
        workspace_bytes: Most scratch memory of the builder; None for all there is.
        typing: ``weak`` lets the builder choose types within flags, up to TensorRT 10; with
            ``strong`` the graph says them, from 10 on; ``auto`` is weak up to 10 but for graphs in
            half precision and quantised ones.
        level: Optimisation level, 0 (fast build) to 5 (TensorRT's default is 3).
        cuda: ``pycuda`` or ``cuda-python``; None for the first that is installed.

    Raises:
        EngineBuildError: A value is not among these.
    """

    batch: BatchRange | None = None
    timing_cache: TimingCache | None = None
    on_cache_miss: str = "time"
    typing: str = TYPINGS[0]
    workspace_bytes: int | None = None
    level: int = 3
    cuda: str | None = None

    def __post_init__(self) -> None:
        if self.on_cache_miss not in ON_CACHE_MISS:
            raise EngineBuildError(
                f"on_cache_miss must be one of {', '.join(ON_CACHE_MISS)}, "
                f"got {self.on_cache_miss!r}"
            )
        if self.typing not in TYPINGS:
            raise EngineBuildError(
                f"typing must be one of {', '.join(TYPINGS)}, got {self.typing!r}"
            )
        if self.on_cache_miss == "refuse" and self.timing_cache is None:
            raise EngineBuildError("on_cache_miss='refuse' needs a timing_cache")
        if self.level not in LEVELS:
            raise EngineBuildError(f"level must be 0 to 5, got {self.level!r}")
        if self.workspace_bytes is not None and self.workspace_bytes < 1:
            raise EngineBuildError(f"workspace_bytes must be >= 1, got {self.workspace_bytes!r}")


def _batch(text: str) -> BatchRange:
    """Read ``LEAST:TUNED:MOST``; raise ``ValueError`` on anything else."""
    sizes = text.split(":")
    if len(sizes) != 3 or not all(size.isdecimal() and len(size) < 10 for size in sizes):
        raise ValueError(text)
    return BatchRange(*map(int, sizes))


def _batch_text(batch: BatchRange) -> str:
    return f"{batch.least}:{batch.tuned}:{batch.most}"


def _timing_cache(text: str) -> TimingCache:
    """Read ``empty`` or ``FILE:SHA256``; raise ``ValueError`` on anything else."""
    path, colon, sha256 = text.rpartition(":")
    if not colon:
        if text != EMPTY:
            raise ValueError(text)
        return TimingCache()
    return TimingCache.read(path, sha256)


def _timing_cache_text(cache: TimingCache) -> str:
    return cache.label


OPTIONS: dict[str, Option] = {
    "batch": Option(
        None, "LEAST:TUNED:MOST", "Batches of models of open batch.", _batch, _batch_text
    ),
    "timing_cache": Option(
        None,
        f"{EMPTY}|FILE:SHA256",
        "Pinned choice of kernels.",
        _timing_cache,
        _timing_cache_text,
        identifies=False,  # it stands in the engine's version
    ),
    "on_cache_miss": choice(ON_CACHE_MISS, "What to do with kernels that the cache lacks."),
    "typing": choice(TYPINGS, "Who chooses types: the builder or the graph."),
    "workspace_bytes": whole("Most scratch memory of the builder.", default=None, least=1),
    "level": whole("Effort of the builder.", default=3, least=LEVELS[0], most=LEVELS[-1]),
    "cuda": Option(
        None,
        "|".join(PACKAGES),
        "Package that drives the GPU.",
        choice(tuple(PACKAGES), "").parse,
        identifies=False,  # the same driver does the work
    ),
}
