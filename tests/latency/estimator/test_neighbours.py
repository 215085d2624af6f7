"""Neighbours along lines against brute force."""

import numpy as np
import pytest

from latency.estimator.neighbours import AxisNeighbours

CHARTS = ((0,), (1,), (0, 1))


def brute(places, values, asked, chart, itself):
    """Value below, above and mean of the line of one place, by looking at each."""
    below = above = None
    line = []
    for index, (place, value) in enumerate(zip(places, values, strict=True)):
        move = place - asked
        on_line = all(abs(move[a]) < 1e-9 for a in range(len(place)) if a not in chart)
        if index == itself or not on_line or np.ptp(move[list(chart)]) > 1e-9:
            continue
        line.append(value)
        if move[chart[0]] < 0 and (below is None or move[chart[0]] > below[0]):
            below = (move[chart[0]], value)
        if move[chart[0]] > 0 and (above is None or move[chart[0]] < above[0]):
            above = (move[chart[0]], value)
    mean = np.mean(line) if line else np.nan
    return [np.nan if end is None else end[1] for end in (below, above)] + [mean]


@pytest.mark.parametrize("leave_out", [True, False])
def test_neighbours_equal_brute_force(leave_out):
    rng = np.random.default_rng(0)
    cells = np.array([(a, b, c) for a in range(6) for b in range(6) for c in range(2)], float)
    places = cells[rng.permutation(72)[:45]]
    values = rng.normal(size=45)
    asked = places if leave_out else cells
    lines = AxisNeighbours(places, values[:, None], CHARTS)
    near, extents = lines.features(asked, leave_out=leave_out)
    assert near.shape == (len(asked), 9, 1)
    assert extents.shape == (len(asked), 9)
    for row, place in enumerate(asked):
        expected = [
            brute(places, values, place, chart, row if leave_out else None) for chart in CHARTS
        ]
        assert near[row, :, 0] == pytest.approx(np.concatenate(expected), nan_ok=True)


def test_one_module_has_no_neighbours():
    lines = AxisNeighbours(np.zeros((1, 2)), np.ones((1, 1)), ((0,), (1,)))
    near, extents = lines.features(np.zeros((1, 2)), leave_out=True)
    assert np.isnan(near).all()
    assert np.nansum(extents) == 0


def test_no_axes_no_neighbours():
    lines = AxisNeighbours(np.zeros((3, 0)), np.ones((3, 2)), ())
    near, extents = lines.features(np.zeros((3, 0)), leave_out=True)
    assert (near.shape, extents.shape) == ((3, 0, 2), (3, 0))
