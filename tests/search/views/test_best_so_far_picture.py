"""The picture of several curves."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies as st

from search import BestCurve, RunError, draw_best_curves, write_best_curves
from search.views.best_so_far_picture import STYLES, TICKS, _ticks

SVG = "{http://www.w3.org/2000/svg}"


def curve(label: str, means: tuple[float, ...], objective: str = "ap") -> BestCurve:
    ends = tuple(50 * (number + 1) for number in range(len(means)))
    kept = (50,) * len(means)
    return BestCurve(label, objective, "AP", ends, means, means, means, kept)


EA = curve("evolution", (30.0, 33.0, 35.5))
RANDOM = curve("random & <more>", (30.0, 31.0, 31.5))


def test_every_curve_is_drawn_and_named() -> None:
    root = ElementTree.fromstring(draw_best_curves([EA, RANDOM]))
    words = [node.text or "" for node in root.iter(f"{SVG}text")]
    assert words[0] == "Mean ap of the best 50 so far"
    assert "evolution: 35.5 after 150" in words
    assert "random & <more>: 31.5 after 150" in words
    for style in STYLES[:2]:
        marks = [n for n in root.iter(f"{SVG}rect") if n.get("class") == style]
        lines = [n for n in root.iter(f"{SVG}polygon") if n.get("class") == style]
        assert (len(marks), len(lines)) == (3 + 1, 2)


def test_better_stands_higher_and_later_further_right() -> None:
    root = ElementTree.fromstring(draw_best_curves([EA, RANDOM]))

    def marks(style: str) -> list[tuple[float, float]]:
        nodes = [n for n in root.iter(f"{SVG}rect") if n.get("class") == style]
        return [(float(n.get("x", 0)), float(n.get("y", 0))) for n in nodes if n.get("rx") == "3"]

    places = {style: marks(style)[:3] for style in STYLES[:2]}
    for first, second in zip(places["k3"], places["accent"], strict=True):
        assert first[0] == second[0]
        assert first[1] <= second[1]
    assert places["k3"][2][1] < places["k3"][0][1]
    assert places["k3"][0][0] < places["k3"][2][0]


def test_equal_curves_give_equal_pictures() -> None:
    assert draw_best_curves([EA, RANDOM]) == draw_best_curves([EA, RANDOM])


@pytest.mark.parametrize("means", [(5.0,), (5.0, 5.0), (0.0,), (-3.0, -2.0)])
def test_flat_and_short_curves_can_be_drawn(means: tuple[float, ...]) -> None:
    ElementTree.fromstring(draw_best_curves([curve("flat", means)]))


def test_picture_and_numbers_are_written(tmp_path: Path) -> None:
    picture, numbers = write_best_curves([EA, RANDOM], tmp_path / "best50.svg")
    assert (picture.name, numbers.name) == ("best50.svg", "best50.json")
    assert picture.read_text() == draw_best_curves([EA, RANDOM])
    fields = json.loads(numbers.read_text())
    assert [each["mean"] for each in fields["curves"]] == [list(EA.mean), list(RANDOM.mean)]


def test_what_does_not_compare_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"different objectives \(ap, top1\)"):
        write_best_curves([EA, curve("other", (1.0,), "top1")], tmp_path / "a.svg")
    with pytest.raises(RunError, match="1 to 6 curves, got 0"):
        draw_best_curves([])
    with pytest.raises(RunError, match="1 to 6 curves, got 7"):
        draw_best_curves([EA] * 7)
    assert list(tmp_path.iterdir()) == []


@given(st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(1e-6, 1e6, allow_subnormal=False))
def test_ticks_are_round_and_hold_the_range(low: float, span: float) -> None:
    high = low + span
    ticks = _ticks(low, high)
    slack = 1e-9 * max(abs(low), abs(high))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= TICKS + 3
    step = ticks[1] - ticks[0]
    digit = step / 10 ** math.floor(math.log10(step * (1 + 1e-9)))
    if span > 1e-6 * abs(low):
        assert min(abs(digit - each) for each in (1, 2, 5, 10)) < 1e-3
