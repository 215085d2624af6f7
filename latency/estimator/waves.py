"""Times of matrix products in whole waves of tiles, with rates learned from measured modules.

A kernel computes tiles of the M x N result, as many at a time as the processors hold; a tile takes
time in proportion to K plus what starting it costs. So times stay level while a wave fills, and
jump when the next begins ("wave quantization", NVIDIA, Matrix Multiplication Background User's
Guide). A runtime takes the fastest of its kernels: the least over sizes of tiles, with one or two
tiles at once on a processor, or with K split so that all processors share the work. What each
kernel needs is unknown; least squares on measured modules find it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .features import TILES, WAVES, products

Floats = npt.NDArray[np.float64]
PROCESSORS = WAVES[0]
WAYS = 3  # one tile on a processor, two, K split
KERNELS = WAYS * len(TILES)
REST = 4  # start of a tile, launch, byte moved, least share of a split tile
COUNT = KERNELS + REST
SHARPNESS = 12.0
"""Of the soft minimum: two equally fast kernels count as 6 % faster than one of them."""

SAMPLE, EVALUATIONS = 2000, 40
ERROR = 0.1
"""Above 10 %, errors count less: another kind of kernel was taken (least squares, soft L1)."""

STAY = 0.003  # holds kernels that are never the fastest where the search began
START_OF_TILE, SHARE = 300.0, 0.3  # where it begins: multiply-adds along K; part of a wave
OVERHEAD = 24.0
"""A tile of a x b loads a + b elements for a * b multiply-adds; where the search begins."""


@dataclass(frozen=True, slots=True)
class Waves:
    """Hold what kernels need.

    Attributes:
        logs: Logarithms ``(COUNT,)``: milliseconds of a wave and step along K of every kernel,
            steps that starting a tile takes, milliseconds of a launch and of a byte, and the
            least share of a wave that split tiles take.
    """

    logs: Floats

    @classmethod
    def fit(cls, table: Floats, log_ms: Floats, rng: np.random.Generator) -> Waves:
        """Fit on features ``(n, f)`` and log(ms) ``(n,)``; a part of many is enough."""
        from scipy.optimize import least_squares  # a fifth of a second to import

        picked = rng.permutation(len(log_ms))[:SAMPLE]
        table, log_ms = table[picked], log_ms[picked]
        sizes = _Sizes.of(table)
        begin = _begin(sizes, log_ms)
        pull = STAY * np.sqrt(len(log_ms))

        def errors(logs: Floats) -> Floats:
            return np.concatenate([sizes.log_ms(logs) - log_ms, pull * (logs - begin)])

        found = least_squares(errors, begin, loss="soft_l1", f_scale=ERROR, max_nfev=EVALUATIONS)
        return cls(np.asarray(found.x, np.float64))

    def apply(self, table: Floats) -> Floats:
        """Return log(ms) ``(n,)`` of features ``(n, f)``."""
        return _Sizes.of(table).log_ms(self.logs)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What the modules ask of kernels, whatever their rates."""

    waves: Floats  # logarithms, of every kernel that does not split K (n, 2 * tiles)
    shares: Floats  # of a wave, of every tile (n, tiles)
    depth: Floats  # K (n,)
    moved: Floats  # bytes (n,)

    @classmethod
    def of(cls, table: Floats) -> _Sizes:
        m, n, k, moved = products(table)
        tiles = np.stack([np.ceil(m / high) * np.ceil(n / wide) for high, wide in TILES], axis=1)
        counts = [np.log(np.ceil(tiles / (each * PROCESSORS))) for each in range(1, WAYS)]
        return cls(np.concatenate(counts, axis=1), tiles / PROCESSORS, k, moved)

    def log_ms(self, logs: Floats) -> Floats:
        """Return log(ms) ``(n,)`` of the fastest kernel, with launch and traffic."""
        start, launch, byte, share = np.exp(logs[KERNELS:])
        split = np.log(self.shares + share)
        costs = logs[:KERNELS] + np.concatenate([self.waves, split], axis=1)
        least = costs.min(1)
        many = np.exp(-SHARPNESS * (costs - least[:, None])).sum(1)
        fastest = (self.depth + start) * np.exp(least) / many ** (1.0 / SHARPNESS)
        return np.asarray(np.log(launch + byte * self.moved + fastest))


def _begin(sizes: _Sizes, log_ms: Floats) -> Floats:
    """Return where the search begins: all tiles alike per element, the slower half computing."""
    area = np.log([high * wide + OVERHEAD * (high + wide) for high, wide in TILES])
    ms = np.exp(log_ms)
    launch, byte = 0.5 * np.quantile(ms, 0.05), 0.5 * np.quantile(ms / sizes.moved, 0.02)
    rest = np.log([START_OF_TILE, launch, byte, SHARE])
    begin = np.concatenate([area, area + np.log(1.8), area + 0.2, rest])
    alone = np.concatenate([begin[:KERNELS], np.log([START_OF_TILE, 1e-30, 1e-30, SHARE])])
    slow = log_ms >= np.median(log_ms)
    begin[:KERNELS] += np.median((log_ms - sizes.log_ms(alone))[slow])
    return np.asarray(begin)
