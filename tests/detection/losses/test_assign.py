"""Matching and sampling."""

import pytest
import torch
from hypothesis import given, strategies as st

from detection.losses.assign import IGNORED, NEGATIVE, match, sample


def test_thresholds_and_closest_boxes() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 6], [0, 0, 10, 4], [20, 20, 30, 30]])
    objects = torch.tensor([[0.0, 0, 10, 10], [20, 20, 22, 22]])
    strict = match(boxes, objects, 0.5, 0.7, each=False)
    assert strict.tolist() == [0, IGNORED, NEGATIVE, NEGATIVE]
    # The second object's closest box overlaps it by 4 % only.
    assert match(boxes, objects, 0.5, 0.7, each=True).tolist() == [0, IGNORED, NEGATIVE, 1]


def test_an_object_that_no_box_meets_claims_none() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 5, 15, 15]])
    objects = torch.tensor([[50.0, 50, 60, 60]])
    assert match(boxes, objects, 0.3, 0.7, each=True).tolist() == [NEGATIVE, NEGATIVE]


def test_without_objects_all_is_background() -> None:
    assert match(torch.rand(3, 4), torch.empty(0, 4), 0.3, 0.7, each=True).tolist() == [-1] * 3


@given(
    positives=st.integers(0, 20),
    negatives=st.integers(0, 20),
    count=st.integers(1, 30),
    fraction=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_samples(positives: int, negatives: int, count: int, fraction: float) -> None:
    matched = torch.tensor([3] * positives + [NEGATIVE] * negatives + [IGNORED] * 4)
    generator = torch.Generator().manual_seed(1)
    positive, negative = sample(matched, count, fraction, generator)
    assert len(positive) == min(positives, int(count * fraction))
    assert len(negative) == min(negatives, count - len(positive))
    assert bool((matched[positive] == 3).all())
    assert bool((matched[negative] == NEGATIVE).all())
    assert len(set(positive.tolist())) == len(positive)
    again = sample(matched, count, fraction, torch.Generator().manual_seed(1))
    assert torch.equal(positive, again[0])
    assert torch.equal(negative, again[1])


def test_each_box_is_drawn_equally_often() -> None:
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(8)
    for _ in range(800):
        _, negative = sample(torch.full((8,), NEGATIVE), 2, 0.5, generator)
        counts[negative] += 1
    assert counts.tolist() == pytest.approx([200] * 8, abs=60)
