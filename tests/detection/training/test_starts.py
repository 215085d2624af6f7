"""A supernet's pre-training starts a supernet of any input size, and of the same backbone only."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from detection import (
    CheckpointError,
    Supernet,
    WeightsInfo,
    save_weights,
)
from detection.counterparts import backbone_counterparts
from detection.training.starts import fresh_supernet, load_start
from searchspaces import ModuleSpec, SearchSpace, TensorSpec, make_space

SMALL: dict[str, Any] = {"input_hw": [64, 64], "num_classes": 3, "head": "retinanet"}
WIDE: dict[str, Any] = {"input_hw": [75, 133], "num_classes": 2, "head": "fpn"}
SLIM = {"base_channels": 8}
SPACES = pytest.mark.parametrize(
    ("name", "options"),
    [
        ("detnas-nano", {}),
        ("detnas-nano", {"norm": "gn_ws"}),
        ("crnas-resnet18-stages", SLIM),
        ("crnas-resnet18-operations", SLIM),
        ("crnas-mobilenetv2-stages", {}),
    ],
)


def saved(
    folder: Path, name: str, options: dict[str, Any], **changes: Any
) -> tuple[Path, Supernet]:
    """Write the weights of a supernet, as a pre-training leaves them."""
    supernet = fresh_supernet(make_space(name, **options), 1)
    info = replace(WeightsInfo(name, options["num_classes"], None, options), **changes)
    return save_weights(folder / "pretrained.safetensors", supernet, info), supernet


def backbone_of(supernet: Supernet, space: SearchSpace, seed: int) -> dict[str, torch.Tensor]:
    """Return the backbone's tensors of a path by the names that they have in a detector."""
    arch = space.sample(np.random.default_rng(seed))
    state = supernet.detector(arch).state_dict()
    return {name: value for name, value in state.items() if name.startswith("nodes.backbone_")}


@SPACES
def test_every_path_has_the_pre_trained_backbone_at_another_size(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    path, given = saved(tmp_path, name, {**SMALL, **options})
    space = make_space(name, **WIDE, **options)
    taken, fresh = fresh_supernet(space, 2), fresh_supernet(space, 2)
    assert not {k for k in taken.bank if k.startswith("backbone_s")} & given.bank.keys()
    load_start(taken, str(path))
    for seed in range(5):
        learnt = backbone_of(given, given.space, seed)
        inherited = backbone_of(taken, space, seed)
        assert learnt.keys() == inherited.keys()
        assert learnt
        assert all(torch.equal(learnt[name], inherited[name]) for name in learnt)
    before, after = fresh.state_dict(), taken.state_dict()
    rest = [name for name in before if not name.startswith("bank.backbone_")]
    assert rest
    assert all(torch.equal(before[name], after[name]) for name in rest)


def test_of_the_same_size_nothing_is_made_anew(tmp_path: Path) -> None:
    path, given = saved(tmp_path, "detnas-nano", SMALL, space="a-space-of-my-own")
    taken = fresh_supernet(given.space, 2)
    load_start(taken, str(path))
    assert all(
        torch.equal(taken.state_dict()[name], value)
        for name, value in given.state_dict().items()
        if name.startswith("bank.backbone_")
    )


@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        ({"norm": "gn_ws"}, {"norm": "bn"}, r"\d+ of \d+ backbone modules missing, .* backbone_"),
        ({"base_channels": 8}, {"base_channels": 16}, r"backbone modules missing, .*'base_chan"),
    ],
)
def test_another_backbone_is_refused_and_nothing_changes(
    tmp_path: Path, theirs: dict[str, Any], ours: dict[str, Any], message: str
) -> None:
    name = "crnas-resnet18-stages"
    path, _ = saved(tmp_path, name, {**SMALL, **SLIM, **theirs})
    taken = fresh_supernet(make_space(name, **{**WIDE, **SLIM, **ours}), 2)
    before = {key: value.clone() for key, value in taken.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_start(taken, str(path))
    assert all(torch.equal(value, before[key]) for key, value in taken.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "0123012301"}, "one detector, detnas-nano:0123012301, which lack"),
        ({"space": "a-space-of-my-own"}, r"cannot be made here \(unknown space 'a-space-of-my-"),
    ],
)
def test_a_file_that_is_no_supernet_of_ours_is_refused(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    path, _ = saved(tmp_path, "detnas-nano", SMALL, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_start(fresh_supernet(make_space("detnas-nano", **WIDE), 2), str(path))


def test_shapes_are_checked_whatever_the_header_says(tmp_path: Path) -> None:
    path, given = saved(tmp_path, "detnas-nano", SMALL)
    tensors = load_file(path)
    stem = next(k for k, v in tensors.items() if "backbone_stem" in k and v.ndim == 4)
    bare = tmp_path / "bare.safetensors"
    save_file({name: value for name, value in tensors.items() if name != stem}, bare)
    wide = fresh_supernet(make_space("detnas-nano", **WIDE), 2)
    with pytest.raises(CheckpointError, match="holds tensors but not what they belong to"):
        load_start(wide, str(bare))
    with torch.no_grad():
        module = given.get_submodule(stem.rpartition(".")[0])
        module.weight = nn.Parameter(torch.zeros(1, 2, 3, 4))
    torn = save_weights(bare, given, WeightsInfo("detnas-nano", 3, None, SMALL))
    with pytest.raises(CheckpointError, match=r"1 of another shape \(bank\.backbone_stem"):
        load_start(wide, str(torn))


def block(channels: int, height: int, width: int, **params: int) -> ModuleSpec:
    x = TensorSpec((1, channels, height, width))
    return ModuleSpec("stem_conv", tuple(sorted(params.items())), (x,))


def test_the_nearest_size_is_taken_where_there_are_several() -> None:
    given = {
        "backbone_a__1": block(8, 32, 32),
        "backbone_a__2": block(8, 60, 100),
        "backbone_a__3": block(8, 100, 60),
        "backbone_b__1": block(8, 32, 32),
        "backbone_a__4": block(4, 64, 64),
        "backbone_a__5": block(8, 64, 64, kernel=3),
        "head_a__1": block(8, 64, 64),
    }
    wanted = {
        "backbone_a__6": block(8, 64, 96),
        "backbone_a__1": block(8, 32, 32),
        "backbone_c__1": block(8, 32, 32),
        "head_a__1": block(8, 64, 64),
    }
    assert backbone_counterparts(wanted, given) == {
        "backbone_a__6": "backbone_a__2",
        "backbone_a__1": "backbone_a__1",
    }
    assert backbone_counterparts({}, given) == {}
    assert backbone_counterparts(wanted, {}) == {}
