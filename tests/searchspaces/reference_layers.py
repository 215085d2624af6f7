"""The papers' layers, put together by hand from torch's own, and counters that watch them run.

A second implementation: nothing here reads a formula of the room. Layers run on the meta device.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from searchspaces import Cost


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
    def __init__(self, c_in, c_out, kernel, stride, bias):
        conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=bool(bias))
        super().__init__(conv, nn.BatchNorm2d(c_out), nn.ReLU())


class Pyramid(nn.Module):
    """FPN; extra levels by subsampling or by two strided convolutions on the last output."""

    def __init__(self, channels, out, extra, norm):
        super().__init__()

        def layer(c_in, kernel):
            if norm == "none":
                return nn.Conv2d(c_in, out, kernel, padding=kernel // 2)
            return conv_bn(c_in, out, kernel, relu=False)

        self.extra = extra
        self.lateral = nn.ModuleList(layer(c, 1) for c in channels)
        self.output = nn.ModuleList(layer(out, 3) for _ in channels)
        if extra == "p6p7":
            self.p6 = nn.Conv2d(out, out, 3, 2, 1)
            self.p7 = nn.Conv2d(out, out, 3, 2, 1)
            self.relu = nn.ReLU()

    def forward(self, *maps):
        inner = [layer(x) for layer, x in zip(self.lateral, maps, strict=True)]
        for i in range(len(inner) - 2, -1, -1):
            size = inner[i].shape[2:]
            inner[i] = inner[i] + nn.functional.interpolate(inner[i + 1], size=size)
        levels = [layer(x) for layer, x in zip(self.output, inner, strict=True)]
        if self.extra == "pool":
            levels.append(nn.functional.max_pool2d(levels[-1], 1, 2))
        if self.extra == "p6p7":
            levels.append(self.p6(levels[-1]))
            levels.append(self.p7(self.relu(levels[-1])))
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
    def __init__(self, channels, convs, anchors, classes, norm):
        super().__init__()

        def tower(out):
            layers = []
            for _ in range(convs):
                layers.append(nn.Conv2d(channels, channels, 3, padding=1, bias=norm == "none"))
                layers += [] if norm == "none" else [nn.BatchNorm2d(channels)]
                layers.append(nn.ReLU())
            return nn.Sequential(*layers, nn.Conv2d(channels, out, 3, padding=1))

        self.classes = classes
        self.score, self.delta = tower(anchors * classes), tower(anchors * 4)

    def forward(self, *maps):
        scores = [self.score(x).flatten(1).unflatten(1, (-1, self.classes)) for x in maps]
        deltas = [self.delta(x).flatten(1).unflatten(1, (-1, 4)) for x in maps]
        return torch.cat(scores, 1), torch.cat(deltas, 1)


class BoxHead(nn.Module):
    def __init__(self, c_in, size, convs, width, fcs, hidden, norm, classes, agnostic):
        super().__init__()
        layers = []
        for i in range(convs):
            layers.append(
                nn.Conv2d(width if i else c_in, width, 3, padding=1, bias=norm == "none")
            )
            layers += [] if norm == "none" else [nn.BatchNorm2d(width)]
            layers.append(nn.ReLU())
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
        elementwise.append(out.numel() * (2 if isinstance(layer, nn.BatchNorm2d) else 1))

    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.ReLU):
            layer.register_forward_hook(watch)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        outputs = module(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    params = sum(p.numel() for p in module.parameters())
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return [tuple(o.shape) for o in outputs], Cost(flops // 2, sum(elementwise), params)
