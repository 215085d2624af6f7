"""Inputs of networks: features on one scale, hats over the sizes of every axis."""

import numpy as np
import pytest

from latency.estimator.encoding import FARTHEST, MOST_KNOTS, Encoding

TABLE = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
PLACES = np.array([[0.0, 7.0], [1.0, 7.0], [4.0, 7.0]])


def test_features_are_standardised_and_limited():
    encoding = Encoding.of(TABLE, PLACES)
    inputs = encoding.encode(np.array([[2.0, 5.0], [1e9, 6.0]]), PLACES[:2])
    assert inputs.shape == (2, encoding.width) == (2, 2 + 3 + 1)
    assert inputs[0, :2] == pytest.approx([0.0, 0.0])
    assert inputs[1, :2] == pytest.approx([FARTHEST, 1.0])


def test_every_size_has_an_input_and_others_share():
    encoding = Encoding.of(TABLE, PLACES)
    asked = np.column_stack([[0.0, 1.0, 4.0, 2.5, -3.0, 9.0], np.full(6, 7.0)])
    hats = encoding.encode(np.zeros((6, 2)), asked)[:, 2:5]
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0.5, 0.5], [1, 0, 0], [0, 0, 1]]
    assert hats == pytest.approx(np.array(expected, float))


def test_hats_interpolate_along_a_line():
    places = np.random.default_rng(0).random((200, 1)) * 10
    encoding = Encoding.of(np.zeros((200, 1)), places)
    knots = encoding.knots[0]
    assert len(knots) == MOST_KNOTS
    asked = np.linspace(knots[0], knots[-1], 99)[:, None]
    hats = encoding.encode(np.zeros((99, 1)), asked)[:, 1:]
    assert hats @ knots == pytest.approx(asked[:, 0])
    assert hats.sum(1) == pytest.approx(np.ones(99))


def test_nothing_to_encode():
    encoding = Encoding.of(TABLE, np.zeros((3, 0)))
    assert encoding.encode(np.zeros((0, 2)), np.zeros((0, 0))).shape == (0, 2)


@pytest.mark.parametrize("places", [PLACES, np.zeros((3, 0)), np.zeros((3, 1))])
def test_arrays_round_trip(places):
    encoding = Encoding.of(TABLE, places)
    again = Encoding.from_arrays(**encoding.arrays())
    assert np.array_equal(again.encode(TABLE, places), encoding.encode(TABLE, places))
    assert again.width == encoding.width
