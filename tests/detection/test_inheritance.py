"""A path taken out of a supernet is the stand-alone detector, in every supernet, bit for bit."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detection import Detector, Supernet, load_weights, save_weights, score_path
from detection.weights import WeightsInfo
from searchspaces import Architecture, SearchSpace, make_space

TINY: dict[str, Any] = {"input_hw": (64, 64), "num_classes": 3}
C4 = {"structure": "resnet18/c4/rpn/2fc/512x512", "proposals": 8}
SLIM = {"base_channels": 8, "head": "retinanet"}
COVERING = 4  # architectures compared that hold all of a space with few choices
SUPERNETS: dict[str, tuple[str, dict[str, Any]]] = {
    "DetNAS, FPN": ("detnas-nano", {"head": "fpn"}),
    "DetNAS, RetinaNet": ("detnas-nano", {"head": "retinanet"}),
    "DetNAS, interleaving": ("detnas-nano", {"shuffle": "interleave", "head": "retinanet"}),
    "CR-NAS, basic, both levels": ("crnas-resnet18", {"blocks": 7, **SLIM}),
    "CR-NAS, basic, stages": ("crnas-resnet18-stages", SLIM),
    "CR-NAS, bottleneck, stages": ("crnas-resnet50-stages", SLIM),
    "CR-NAS, bottleneck, operations": ("crnas-resnet50-operations", SLIM),
    "CR-NAS, MobileNetV2, operations": ("crnas-mobilenetv2-operations", {"head": "retinanet"}),
    "CR-NAS, bottleneck, stages, GN and WS": ("crnas-resnet50-stages", {"norm": "gn_ws", **SLIM}),
    "CR-NAS, MobileNetV2, GN and WS": (
        "crnas-mobilenetv2-operations",
        {"head": "retinanet", "norm": "gn_ws"},
    ),
    "SM-NAS, basicblock": ("smnas-modular", {"block": "basicblock"}),
    "SM-NAS, bottleneck": ("smnas-modular", {"block": "bottleneck"}),
    "SM-NAS, Xbottleneck": ("smnas-modular", {"block": "Xbottleneck"}),
    "SM-NAS, MBblock, GN and WS": ("smnas-modular", {"block": "MBblock", "norm": "gn_ws"}),
    "DetNAS, GN and WS": ("detnas-nano", {"head": "fpn", "norm": "gn_ws"}),
    "CR-NAS, MobileNetV2, stages": ("crnas-mobilenetv2-stages", {"head": "retinanet"}),
    "CR-NAS, ResNeXt, stages": (
        "crnas-resnext50-stages",
        {"base_channels": 16, "head": "retinanet"},  # one channel in each of 32 groups
    ),
}
supernets = pytest.mark.parametrize("name", SUPERNETS)


@lru_cache(maxsize=1)
def trained(name: str) -> Supernet:
    """Return a supernet whose running statistics are not those of a fresh layer."""
    space_name, options = SUPERNETS[name]
    if space_name == "smnas-modular":
        options = {**C4, "limits": limits(), **options}
    supernet = Supernet(make_space(space_name, **TINY, **options))
    generator = torch.Generator().manual_seed(4)
    for key, buffer in supernet.named_buffers():
        if key.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=generator) / 10)
        if key.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return supernet.eval()


def limits() -> Any:
    from searchspaces.spaces.smnas.code import CodeLimits

    return CodeLimits(bases=(16,), min_blocks=5, max_blocks=6)


def compared(space: SearchSpace) -> Iterator[Architecture]:
    """Give architectures that hold every choice where there are few enough, then a random one."""
    yield from islice(space.covering(), COVERING)  # type: ignore[attr-defined]
    yield space.sample(np.random.default_rng(0))


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def maps(detector: Detector, image: Tensor) -> tuple[Tensor, ...]:
    """Return everything between the image and the detections, and those."""
    nodes = detector.graph.nodes
    with torch.no_grad():
        inner = detector.run({"image": image}, [node.name for node in nodes])
        return (*inner, *detector(image))


@supernets
def test_an_inherited_path_equals_the_stand_alone_detector(name: str, tmp_path: Any) -> None:
    supernet = trained(name)
    space = supernet.space
    seen: set[int] = set()
    for arch in compared(space):
        path, copy = supernet.detector(arch).eval(), supernet.extract(arch).eval()
        info = WeightsInfo(space.name, 3, space.encode(arch))
        alone = Detector(space.detector(arch)).eval()
        load_weights(save_weights(tmp_path / "w.safetensors", copy, info), alone)
        for mine, theirs in zip(maps(path, images()), maps(alone, images()), strict=True):
            assert torch.equal(mine, theirs)
        seen |= {id(module) for module in path.nodes.values()}
    blocks = {id(module) for key, module in supernet.bank.items() if key.startswith("backbone_")}
    assert blocks <= seen or len(list(islice(space.covering(), COVERING + 1))) > COVERING


@pytest.mark.parametrize("name", [name for name in SUPERNETS if "DetNAS" not in name][::3])
def test_a_b_a_gives_as_score_twice(name: str) -> None:
    supernet = trained(name)
    rng = np.random.default_rng(1)
    a = supernet.space.sample(rng)
    b = next(arch for _ in range(100) if (arch := supernet.space.sample(rng)) != a)
    before = {key: value.clone() for key, value in supernet.state_dict().items()}
    batches = [images(2)]

    def score(detector: nn.Module) -> float:
        assert isinstance(detector, Detector)
        return float(sum(value.double().abs().sum() for value in maps(detector, images(1))))

    first, other, again = (score_path(supernet, arch, batches, score) for arch in (a, b, a))
    assert first == again != other
    assert all(torch.equal(value, before[key]) for key, value in supernet.state_dict().items())
