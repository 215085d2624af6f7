"""The papers' layers, put together by hand from torch's own, and counters that watch them run.

A second implementation: nothing here reads a formula of the room. Layers run on the meta device.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from searchspaces import Cost


def normed(c_in, c_out, kernel, stride=1, norm="bn", bias=False):
    """Convolution and normalisation; standardising weights before the run costs nothing."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=bias or norm == "none")
    if norm == "none":
        return [conv]
    return [conv, nn.BatchNorm2d(c_out) if norm == "bn" else nn.GroupNorm(1, c_out)]


def conv_bn(c_in, c_out, kernel, stride=1, groups=1, relu=True):
    layers = [
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class ShuffleBlock(nn.Module):
    """ShuffleNetV2 unit with DetNAS' choice of operations; the shuffle itself costs nothing."""

    def __init__(self, op, kernel, c_in, mid, c_out, stride):
        super().__init__()
        self.stride = stride
        here, out = (c_in // 2, c_out // 2) if stride == 1 else (c_in, c_out - c_in)
        if op == "conv":
            self.main = nn.Sequential(
                conv_bn(here, mid, 1),
                conv_bn(mid, mid, kernel, stride, groups=mid, relu=False),
                conv_bn(mid, out, 1),
            )
        else:
            self.main = nn.Sequential(
                conv_bn(here, here, 3, stride, groups=here, relu=False),
                conv_bn(here, mid, 1),
                conv_bn(mid, mid, 3, groups=mid, relu=False),
                conv_bn(mid, mid, 1),
                conv_bn(mid, mid, 3, groups=mid, relu=False),
                conv_bn(mid, out, 1),
            )
        if stride == 2:
            self.side = nn.Sequential(
                conv_bn(c_in, c_in, kernel, 2, groups=c_in, relu=False), conv_bn(c_in, c_in, 1)
            )

    def forward(self, x):
        if self.stride == 2:
            return torch.cat([self.side(x), self.main(x)], 1)
        kept, x = x[:, ::2], x[:, 1::2]
        return torch.cat([kept, self.main(x)], 1)


class Stem(nn.Sequential):
    def __init__(self, c_in, c_out, kernel, stride, bias, norm="bn", activation="relu"):
        last = {"relu": nn.ReLU, "relu6": nn.ReLU6}[activation]()
        super().__init__(*normed(c_in, c_out, kernel, stride, norm, bool(bias)), last)


class Pyramid(nn.Module):
    """FPN; extra levels by subsampling or by strided convolutions, one on another's ReLU."""

    def __init__(self, channels, out, extra, added, norm):
        super().__init__()
        self.extra, self.added = extra, added
        self.lateral = nn.ModuleList(nn.Sequential(*normed(c, out, 1, 1, norm)) for c in channels)
        self.output = nn.ModuleList(nn.Sequential(*normed(out, out, 3, 1, norm)) for _ in channels)
        if extra == "conv":
            self.coarser = nn.ModuleList(nn.Conv2d(out, out, 3, 2, 1) for _ in range(added))
            self.relu = nn.ReLU()

    def forward(self, *maps):
        inner = [layer(x) for layer, x in zip(self.lateral, maps, strict=True)]
        for i in range(len(inner) - 2, -1, -1):
            size = inner[i].shape[2:]
            inner[i] = inner[i] + nn.functional.interpolate(inner[i + 1], size=size)
        levels = [layer(x) for layer, x in zip(self.output, inner, strict=True)]
        for i in range(self.added):
            if self.extra == "pool":
                levels.append(levels[-1][..., ::2, ::2])
            else:
                levels.append(self.coarser[i](self.relu(levels[-1]) if i else levels[-1]))
        return tuple(levels)


class RpnHead(nn.Module):
    def __init__(self, channels, anchors):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
        self.score = nn.Conv2d(channels, anchors, 1)
        self.delta = nn.Conv2d(channels, 4 * anchors, 1)

    def forward(self, *maps):
        hidden = [self.conv(x) for x in maps]
        scores = [self.score(x).flatten(1) for x in hidden]
        deltas = [self.delta(x).flatten(1).unflatten(1, (-1, 4)) for x in hidden]
        return torch.cat(scores, 1), torch.cat(deltas, 1)


class RetinaHead(nn.Module):
    def __init__(self, c_in, channels, convs, anchors, classes, norm):
        super().__init__()

        def tower(out):
            layers = []
            for i in range(convs):
                layers += [*normed(channels if i else c_in, channels, 3, 1, norm), nn.ReLU()]
            last = channels if convs else c_in
            return nn.Sequential(*layers, nn.Conv2d(last, out, 3, padding=1))

        self.classes = classes
        self.score, self.delta = tower(anchors * classes), tower(anchors * 4)

    def forward(self, *maps):
        scores = [self.score(x).flatten(1).unflatten(1, (-1, self.classes)) for x in maps]
        deltas = [self.delta(x).flatten(1).unflatten(1, (-1, 4)) for x in maps]
        return torch.cat(scores, 1), torch.cat(deltas, 1)


class BoxHead(nn.Module):
    def __init__(
        self, c_in, size, convs, width, fcs, hidden, norm, classes, agnostic, average=False
    ):
        super().__init__()
        layers = [nn.AdaptiveAvgPool2d(size)] if average else []
        for i in range(convs):
            layers += [*normed(width if i else c_in, width, 3, 1, norm), nn.ReLU()]
        layers.append(nn.Flatten())
        features = (width if convs else c_in) * size * size
        for _ in range(fcs):
            layers += [nn.Linear(features, hidden), nn.ReLU()]
            features = hidden
        self.trunk = nn.Sequential(*layers)
        self.score = nn.Linear(features, classes + 1)
        self.delta = nn.Linear(features, 4 if agnostic else 4 * classes)

    def forward(self, x):
        x = self.trunk(x)
        return self.score(x), self.delta(x)


def observe(make: Callable[[], nn.Module], shapes) -> tuple[list[tuple[int, ...]], Cost]:
    """Run a module on the meta device; return its output shapes and what was counted."""
    with torch.device("meta"):
        module = make().eval()
        inputs = [torch.empty(shape) for shape in shapes]
    elementwise = []

    def watch(layer, _, out):
        norm = isinstance(layer, nn.BatchNorm2d | nn.GroupNorm)
        elementwise.append(out.numel() * (2 if norm else 1))

    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.GroupNorm | nn.ReLU | nn.ReLU6):
            layer.register_forward_hook(watch)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        outputs = module(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    params = sum(p.numel() for p in module.parameters())
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return [tuple(o.shape) for o in outputs], Cost(flops // 2, sum(elementwise), params)
