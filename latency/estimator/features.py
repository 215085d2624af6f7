"""What hardware makes of a module: work, traffic, and how its tiles fill a processor.

A convolution is a product of matrices M x K and K x N with M = batch * out_h * out_w, N = out
channels, K = in channels / groups * kernel^2 (implicit GEMM, Chetlur et al., arXiv 1410.0759). A
kernel computes tiles of the result, a wave of them at a time; the last wave and the tiles at the
border are partly idle. Tile sizes are those of common libraries (CUTLASS), waves are counted for
several numbers of processors, so that no device has to be named.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec, cost_of, outputs_of

Floats = npt.NDArray[np.float64]
TILES = ((128, 128), (128, 64), (64, 64), (256, 64), (128, 32), (32, 32), (256, 128))
WAVES = (80,)
"""Streaming multiprocessors of a V100; boosted trees learn other counts from the tiles."""

ALIGNMENTS = (4, 8, 32, 64)
WINOGRAD = ((2, 16), (4, 36))
"""Outputs per side and products per tile of F(2x2, 3x3), F(4x4, 3x3) (arXiv 1509.09308)."""

BASE = ("macs", "in_bytes", "out_bytes", "weight_bytes", "traffic", "intensity", "m", "n", "k")
COUNT = 14 + 5 + 2 * len(ALIGNMENTS) + len(TILES) * (2 + 2 * len(WAVES)) + len(WINOGRAD)
"""How many features there are."""

SIZES = 15  # numbers that the features are computed from
_BYTES = {"fp32": 4.0, "fp16": 2.0, "int8": 1.0}


def features(specs: Sequence[ModuleSpec]) -> Floats:
    """Return the features ``(n, COUNT)`` of modules; sizes as natural logarithms."""
    table = np.array([_sizes(spec) for spec in specs]).reshape(len(specs), SIZES).T
    macs, ins, outs, weights, extra, m, n, k, kernel, stride, groups, dilation, high, wide, c = (
        table
    )
    traffic = ins + outs + extra + weights
    columns = [np.log(v) for v in (macs, ins, outs, weights, traffic, macs / traffic, m, n, k, c)]
    columns += [np.log(c * n), np.log(high * wide), high % 4, wide % 4]
    columns += [kernel, stride, np.log(groups), dilation, extra > 0]
    columns += [x % a for a in ALIGNMENTS for x in (c, n)]
    columns += [column for tile in TILES for column in _tile(m, n, k, *tile)]
    for side, products in WINOGRAD:
        columns.append(np.log(np.ceil(high / side) * np.ceil(wide / side) * n * c * products))
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def trend(table: Floats) -> Floats:
    """Return the columns of :func:`features` that a smooth trend is made of ``(n, b)``."""
    return table[:, : len(BASE)]


def products(table: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return M, N and K of the matrix products and the bytes moved, each ``(n,)``."""
    columns = [BASE.index(name) for name in ("m", "n", "k", "traffic")]
    sizes = np.asarray(np.exp(table[:, columns]), np.float64)
    m, n, k = np.round(sizes[:, :3]).T
    return m, n, k, sizes[:, 3]


def work(specs: Sequence[ModuleSpec]) -> Floats:
    """Return the logarithm of multiply-adds plus elements moved ``(n,)``: never of nothing."""
    sizes = np.array([_sizes(spec)[:5] for spec in specs]).reshape(len(specs), 5)
    return np.asarray(np.log(sizes.sum(1)))


def _tile(m: Floats, n: Floats, k: Floats, high: int, wide: int) -> list[Floats]:
    """Return tiles, time of whole waves, and how full waves and tiles are."""
    tiles = np.ceil(m / high) * np.ceil(n / wide)
    found = [np.log(tiles), m * n / (tiles * high * wide)]
    for processors in WAVES:
        waves = np.ceil(tiles / processors)
        found += [np.log(waves * high * wide * k), tiles / (waves * processors)]
    return found


def _sizes(spec: ModuleSpec) -> list[float]:
    """Return what the columns are made of, all at least 1 but the bytes of further inputs."""
    cost, out, first = cost_of(spec), outputs_of(spec)[0].shape, spec.inputs[0].shape
    size = _BYTES[spec.dtype]
    params = {name: float(v) for name, v in spec.params if not isinstance(v, str)}
    kernel, groups = params.get("kernel", 1.0), params.get("groups", 1.0)
    c = params.get("in_channels", float(first[1] if len(first) > 1 else 1))
    n = params.get("out_channels", float(out[1] if len(out) > 1 else 1))
    high, wide = (out[2], out[3]) if len(out) == 4 else (1, 1)
    return [
        max(cost.macs, 1.0),
        size * spec.inputs[0].numel,
        size * sum(tensor.numel for tensor in outputs_of(spec)),
        size * max(cost.params, 1.0),
        size * sum(tensor.numel for tensor in spec.inputs[1:]),
        float(out[0] * high * wide),
        n,
        max(c / max(groups, 1.0), 1.0) * kernel**2,
        kernel,
        params.get("stride", 1.0),
        max(groups, 1.0),
        params.get("dilation", 1.0),
        float(high),
        float(wide),
        c,
    ]
