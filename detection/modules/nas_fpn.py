"""The neck of NAS-FPN (Ghiasi et al., CVPR 2019)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from searchspaces import NAS_FPN_CELLS, ModuleSpec, outputs_of

from .layers import conv_norm

_NAMES = ("p3", "p4", "p5", "p6", "p7")


class NasFpn(nn.Module):
    """Turn backbone maps, finest first, into five levels that exchange what they see.

    The sizes of all levels are fixed by the specification, so that an exported graph holds them
    as constants.

    Args:
        spec: A ``nas_fpn``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        out, norm = spec.get_int("out_channels"), spec.get_str("norm")
        self.sizes = tuple((t.shape[2], t.shape[3]) for t in outputs_of(spec))
        self.laterals = nn.ModuleList(
            _layer(c, out, 1, norm) for c in spec.get_ints("in_channels")
        )
        self.extras = nn.ModuleList(
            _layer(out, out, 1, norm) for _ in range(spec.get_int("extra_levels"))
        )
        self.stacks = nn.ModuleList(_stack(out, norm) for _ in range(spec.get_int("cells")))

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """Map ``(n, c_i, h_i, w_i)`` to five ``(n, out_channels, h_j, w_j)``, finest first."""
        levels = [layer(x) for layer, x in zip(self.laterals, maps, strict=True)]
        for layer in self.extras:
            levels.append(_halve(layer(levels[-1])))
        known = dict(zip(_NAMES, levels, strict=True))
        for stack in self.stacks:
            self._merge(stack, known)
        return tuple(known[name] for name in _NAMES)

    def _merge(self, stack: nn.Module, known: dict[str, Tensor]) -> None:
        """Run the cells of one stack; each adds or replaces a map."""
        for cell in NAS_FPN_CELLS:
            *sources, target = cell.levels
            first = self._resize(known[cell.first], sources[0], target)
            second = self._resize(known[cell.second], sources[1], target)
            if cell.op == "gp":
                first = first * second.mean((2, 3), keepdim=True).sigmoid()
            merged = first + second
            known[cell.result] = (
                stack.get_submodule(cell.name)(merged) if cell.convolves else merged
            )

    def _resize(self, x: Tensor, level: int, target: int) -> Tensor:
        """Go from one level to another step by step.

        A step up gives every pixel its parent's value and a step down every pixel its children's
        maximum, also at the rim of sizes that do not divide. Where they do, this is nearest
        neighbour and max-pooling in one go. One step over several levels would let an engine
        round a position such as 11 * (9 / 33) either way.
        """
        for finer in range(level - 1, target - 1, -1):
            x = interpolate(x, size=self.sizes[finer], mode="nearest")
        for _ in range(target - level):
            x = _halve(x)
        return x


def _halve(x: Tensor) -> Tensor:
    return max_pool2d(x, 2, 2, ceil_mode=True)


def _layer(c_in: int, c_out: int, kernel: int, norm: str) -> nn.Sequential:
    return conv_norm(c_in, c_out, kernel, bias=norm == "none", norm=norm, activation="none")


def _stack(channels: int, norm: str) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            cell.name: nn.Sequential(nn.ReLU(), _layer(channels, channels, 3, norm))
            for cell in NAS_FPN_CELLS
            if cell.convolves
        }
    )


MODULES = {"nas_fpn": NasFpn}
