"""Weights on disk."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from detection import (
    CheckpointError,
    WeightsInfo,
    load_foreign_weights,
    load_weights,
    read_weights_info,
    save_weights,
)

INFO = WeightsInfo(
    space="detnas-nano",
    num_classes=2,
    architecture="01-23-0123-01",
    space_options={"head": "fpn", "input_hw": [64, 96]},
    label_names=("cat", "dög"),
    notes={"seed": 3},
)


def network(width: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


def test_round_trip(tmp_path: Path) -> None:
    first, second = network(), network()
    first.to(memory_format=torch.channels_last)
    path = save_weights(tmp_path / "w.safetensors", first, INFO)
    assert not same(first, second)
    assert load_weights(path, second) == read_weights_info(path) == INFO
    assert same(first, second)
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_what_does_not_fit_is_named_and_nothing_changes(tmp_path: Path) -> None:
    path = save_weights(tmp_path / "w.safetensors", network(5), INFO)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Identity(), nn.Linear(2, 2))
    before = {k: v.clone() for k, v in module.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights(path, module)
    assert "2 missing (2.weight, 2.bias)" in str(caught.value)
    assert "5 unexpected (1.bias, 1.num_batches_tracked, 1.running_mean, ...)" in str(caught.value)
    assert "2 of another shape (0.weight (5, 3, 3, 3) for (4, 3, 3, 3), " in str(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_torn_file(tmp_path: Path, keep: int) -> None:
    path = save_weights(tmp_path / "w.safetensors", network(), INFO)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="torn"):
        load_weights(path, network())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such weights file"):
        load_weights(tmp_path / "none.safetensors", network())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "not what they belong to"),
        ("{", "header cannot be read"),
        ("[]", "header cannot be read"),
        ('{"schema": "detfit-weights", "version": 1}', "header cannot be read"),
        ('{"schema": "detfit-weights", "version": 9, "label_names": []}', "version 9 is unknown"),
    ],
)
def test_a_header_that_is_not_ours(tmp_path: Path, header: str | None, message: str) -> None:
    path = tmp_path / "w.safetensors"
    metadata = None if header is None else {"detfit-weights": header}
    save_file(dict(network().state_dict()), path, metadata)
    with pytest.raises(CheckpointError, match=message):
        load_weights(path, network())


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}])
def test_foreign_checkpoints(tmp_path: Path, wrap) -> None:  # type: ignore[no-untyped-def]
    first, second = network(), network()
    state = OrderedDict((f"module.{k}", v) for k, v in first.state_dict().items())
    state["module.head.weight"] = torch.zeros(2)
    torch.save(wrap(state), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"missing \(0\.weight"):
        load_foreign_weights(tmp_path / "w.pth", second)
    load_foreign_weights(
        tmp_path / "w.pth",
        second,
        lambda name: None if "head" in name else name.removeprefix("module."),
    )
    assert same(first, second)


def test_foreign_safetensors(tmp_path: Path) -> None:
    first, second = network(), network()
    save_file(dict(first.state_dict()), tmp_path / "w.safetensors")
    load_foreign_weights(tmp_path / "w.safetensors", second)
    assert same(first, second)


class Bomb:
    """Something that would run code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1/0",)


def test_code_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": Bomb()}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="refused"):
        load_foreign_weights(tmp_path / "w.pth", network())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no checkpoint"])
def test_a_torn_foreign_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_foreign_weights(tmp_path / "w.pth", network())


def test_a_checkpoint_without_tensors(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="no state dict"):
        load_foreign_weights(tmp_path / "w.pth", network())
