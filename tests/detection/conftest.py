"""Seeded weights and inputs, and the smallest detectors of both heads."""

from collections.abc import Iterator

import pytest
import torch

from searchspaces import DetectorSpec, DetNasSpace


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def nano(head: str, num_classes: int = 3, side: int = 64) -> DetNasSpace:
    return DetNasSpace("detnas-nano", head, (side, side), num_classes)


def nano_spec(head: str, code: str = "0123012301", **options: int) -> DetectorSpec:
    space = nano(head, **options)
    return space.detector(space.decode(code))


@pytest.fixture
def make_space():
    """Return the function that makes a small space for a head."""
    return nano


@pytest.fixture
def make_spec():
    """Return the function that makes a small detector's declaration."""
    return nano_spec
