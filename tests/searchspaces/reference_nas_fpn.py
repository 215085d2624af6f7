"""NAS-FPN's neck written out by hand: no table of cells, and maps resized in one go.

A second implementation: nothing here reads the room's code. Its state dict has the order of
the implementation under test.
"""

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from tests.searchspaces.reference_layers import normed


def fit(x: Tensor, like: Tensor) -> Tensor:
    """Repeat pixels, or take maxima of blocks, so that ``x`` has the size of ``like``."""
    here, there = x.shape[-1], like.shape[-1]
    if here < there:
        factor = 2
        while here * factor < there:
            factor *= 2
        wide = x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        return wide[:, :, : like.shape[2], : like.shape[3]]
    factor = 1
    while here > there * factor:
        factor *= 2
    rows, columns = (-x.shape[2] % factor, -x.shape[3] % factor)
    return max_pool2d(pad(x, (0, columns, 0, rows), value=float("-inf")), factor, factor)


def attend(x: Tensor, to: Tensor, like: Tensor) -> Tensor:
    to = fit(to, like)
    weights = to.flatten(2).mean(2).sigmoid()
    return to + weights[:, :, None, None] * fit(x, like)


class Cells(nn.ModuleList):
    """The convolutions of one stack, in the paper's order."""

    def __init__(self, out: int, norm: str) -> None:
        super().__init__(
            nn.Sequential(nn.ReLU(), nn.Sequential(*normed(out, out, 3, 1, norm)))
            for _ in range(7)
        )

    def forward(self, p3, p4, p5, p6, p7):
        mixed = self[0](attend(p6, p4, p4))
        second = self[1](mixed + p4)
        p3 = self[2](fit(second, p3) + p3)
        p4 = self[3](fit(p3, p4) + second)
        p5 = self[4](p5 + attend(p4, p3, p5))
        p7 = self[5](p7 + attend(p5, second, p7))
        p6 = self[6](attend(p7, p5, p6))
        return p3, p4, p5, p6, p7


class NasPyramid(nn.Module):
    def __init__(self, channels, out, cells, norm):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Sequential(*normed(c, out, 1, 1, norm)) for c in channels)
        self.extra = nn.ModuleList(
            nn.Sequential(*normed(out, out, 1, 1, norm)) for _ in range(5 - len(channels))
        )
        self.stacks = nn.ModuleList(Cells(out, norm) for _ in range(cells))

    def forward(self, *maps):
        levels = [layer(x) for layer, x in zip(self.lateral, maps, strict=True)]
        for layer in self.extra:
            x = layer(levels[-1])
            levels.append(
                max_pool2d(pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), value=-1e9), 2)
            )
        for stack in self.stacks:
            levels = list(stack(*levels))
        return tuple(levels)
