from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from detection.data.annotations import CocoAnnotations
from detection.data.aspect import aspect_groups, grouped_batch_order
from detection.data.loader import batch_order
from detection.errors import DatasetError

from .conftest import WriteCoco

GROUPS = st.lists(st.integers(0, 3), min_size=1, max_size=60)


@given(GROUPS, st.integers(1, 9), st.booleans(), st.integers(0, 5))
def test_an_epoch_has_as_many_batches_and_each_image_once(
    groups: list[int], batch_size: int, drop_last: bool, epoch: int
) -> None:
    if drop_last and len(groups) < batch_size:
        with pytest.raises(DatasetError, match="make no full batch"):
            grouped_batch_order(groups, batch_size, drop_last=True)
        return
    batches = grouped_batch_order(groups, batch_size, epoch=epoch, drop_last=drop_last)
    usual = batch_order(len(groups), batch_size, drop_last=drop_last)
    assert sorted(map(len, batches)) == sorted(map(len, usual))
    seen = [index for batch in batches for index in batch]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(len(groups)))
    assert drop_last or len(seen) == len(groups)
    mixed = [batch for batch in batches if len({groups[index] for index in batch}) > 1]
    assert len(mixed) <= len(set(groups))


@given(GROUPS, st.integers(1, 5))
def test_order_depends_on_seed_and_epoch_alone(groups: list[int], batch_size: int) -> None:
    first = grouped_batch_order(groups, batch_size, seed=3, epoch=1)
    assert first == grouped_batch_order(np.array(groups), batch_size, seed=3, epoch=1)


def test_seeds_and_epochs_differ() -> None:
    groups = [index % 2 for index in range(40)]
    orders = [grouped_batch_order(groups, 4, seed=s, epoch=e) for s in (0, 1) for e in (0, 1)]
    assert len({str(order) for order in orders}) == 4


def test_portraits_and_landscapes(write_coco: WriteCoco, document: dict[str, Any]) -> None:
    root = write_coco(document)
    annotations = CocoAnnotations.load(root / "annotations" / "instances_val.json")
    assert aspect_groups(annotations).tolist() == [1, 0, 1]  # 60x40, 20x30, 10x10
    assert aspect_groups(annotations, (0.5, 1.2)).tolist() == [2, 1, 1]
    with pytest.raises(DatasetError, match="must ascend"):
        aspect_groups(annotations, (1.2, 0.5))
