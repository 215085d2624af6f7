import numpy as np

from detection.data.object_table import ObjectColumns


def test_rows_are_grouped_by_image_in_the_order_of_adding() -> None:
    columns = ObjectColumns(masks=True, difficult=True)
    columns.add(1, 5, [0, 0, 1, 1], 1.0, segment="a", difficult=True)
    columns.add(0, 6, [2, 2, 1, 1], 2.0, crowd=True, segment="b")
    columns.add(1, 7, [3, 3, 1, 1], 3.0, segment="c")
    table = columns.table()
    assert table.image_index.tolist() == [0, 1, 1]
    assert table.labels.tolist() == [6, 5, 7]
    assert table.areas.tolist() == [2, 1, 3]
    assert table.ignored.tolist() == [True, True, False]
    assert table.crowd.tolist() == [True, False, False]
    assert table.segments is not None
    assert table.segments.tolist() == ["b", "a", "c"]
    assert table.rows_of(1) == slice(1, 3)


def test_without_marks_only_crowds_are_ignored() -> None:
    columns = ObjectColumns()
    columns.add(0, 0, [0, 0, 1, 1], 1.0, difficult=True)
    columns.add(0, 0, [0, 0, 1, 1], 1.0, crowd=True)
    table = columns.table()
    assert table.difficult is None
    assert table.segments is None
    assert table.ignored.tolist() == [False, True]
    kept = table.select(np.array([False, True]), np.array([4, 9]))
    assert kept.image_index.tolist() == [9]


def test_no_object_at_all() -> None:
    table = ObjectColumns(difficult=True).table()
    assert table.boxes.shape == (0, 4)
    assert table.ignored.shape == (0,)
    assert table.rows_of(0) == slice(0, 0)
