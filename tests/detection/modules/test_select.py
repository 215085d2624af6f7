"""Selection with fixed shapes against brute force and torchvision."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor
from torchvision.ops import batched_nms, box_iou

from detection.modules.select import INVALID_SCORE, Selection, best_rows, suppress


def random_boxes(rng: np.random.Generator, count: int) -> Tensor:
    corner = rng.random((count, 2)) * 40
    return torch.tensor(np.concatenate((corner, corner + rng.random((count, 2)) * 30), 1)).float()


def brute_force(boxes: Tensor, scores: Tensor, iou: float) -> list[int]:
    """Keep the best, drop what overlaps it too much, and go on."""
    left = [i for i in np.argsort(-scores.numpy(), kind="stable") if scores[i] >= 0]
    kept = []
    while left:
        best, *left = left
        kept.append(int(best))
        left = [i for i in left if float(box_iou(boxes[[best]], boxes[[i]])) <= iou]
    return kept


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 30), iou=st.sampled_from([0.0, 0.3, 0.7]))
def test_suppression_equals_brute_force(seed: int, count: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, count)
    scores = torch.tensor(rng.choice([0.0, 0.25, 0.5, 0.75, 1.0, INVALID_SCORE], count)).float()
    kept = suppress(boxes, scores, iou)
    expected = brute_force(boxes, scores, iou)
    assert (kept >= 0).nonzero().flatten().tolist() == sorted(expected)
    assert torch.equal(kept[expected], scores[expected])


def test_rows_that_are_no_candidates_suppress_nothing() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 1, 1]])
    scores = torch.tensor([INVALID_SCORE, 0.2, 0.1])
    assert suppress(boxes, scores, 0.5).tolist() == pytest.approx([-1, 0.2, 0.1])


def test_no_candidate_at_all() -> None:
    scores = torch.full((3,), INVALID_SCORE)
    assert suppress(torch.zeros(3, 4), scores, 0.5).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("count", [1, 3, 5])
def test_best_rows_are_sorted_and_padded(count: int) -> None:
    scores = torch.tensor([[0.1, INVALID_SCORE, 0.9], [INVALID_SCORE] * 3])
    best, index, valid = best_rows(scores, 3, count)
    assert best.shape == index.shape == valid.shape == (2, count)
    assert index[0, :1].tolist() == [2]
    assert valid.sum(1).tolist() == [min(count, 2), 0]
    assert bool((best[:, :-1] >= best[:, 1:]).all())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 40), count=st.sampled_from([1, 5, 50]))
def test_selection_equals_batched_nms(seed: int, rows: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = torch.stack([random_boxes(rng, rows) for _ in range(2)])
    scores = torch.tensor(rng.permutation(2 * rows).reshape(2, rows) / (2 * rows)).float()
    scores[torch.tensor(rng.random((2, rows)) < 0.3)] = INVALID_SCORE
    labels = torch.tensor(rng.integers(0, 3, (2, rows)))
    found = Selection(0.4, rows, count, 100.0)(boxes, scores, labels)
    for image in range(2):
        valid = (scores[image] >= 0).nonzero().flatten()
        kept = valid[
            batched_nms(boxes[image, valid], scores[image, valid], labels[image, valid], 0.4)
        ][:count]
        assert int(found[3][image]) == len(kept)
        assert torch.equal(found[0][image, : len(kept)], boxes[image, kept])
        assert torch.equal(found[1][image, : len(kept)], scores[image, kept])
        assert torch.equal(found[2][image, : len(kept)], labels[image, kept])
        assert all(bool((tensor[image, len(kept) :] == 0).all()) for tensor in found[:3])
