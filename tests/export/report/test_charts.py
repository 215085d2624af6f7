import pytest

from export import AccuracyRow, AgreementMark, Front, FrontMark, ModuleShare
from export.records.times import ModuleGap
from export.report.charts import (
    agreement_figure,
    breakdown_figure,
    comparison_figure,
    difference_figure,
    front_figure,
)


def trace(figure: dict, name: str) -> dict:  # type: ignore[type-arg]
    (found,) = [item for item in figure["data"] if item["name"].startswith(name)]
    return found


def test_front_is_in_order_of_latency_and_dominated_marks_are_apart() -> None:
    marks = (
        FrontMark("slow", 9.0, 40.0, chosen=True),
        FrontMark("fast", 3.0, 20.0),
        FrontMark("worse", 9.5, 30.0, dominated=True),
    )
    figure = front_figure(Front(marks, "AP50", 9.2))
    assert trace(figure, "front")["x"] == [3.0, 9.0]
    assert trace(figure, "dominated")["text"] == ["worse"]
    assert trace(figure, "chosen")["y"] == [40.0]
    assert figure["layout"]["shapes"][0]["x0"] == 9.2
    assert "budget 9.2 ms" in figure["layout"]["annotations"][0]["text"]


def test_without_budget_there_is_no_line() -> None:
    figure = front_figure(Front((FrontMark("a", 3.0, 20.0),)))
    assert "shapes" not in figure["layout"]
    assert [item["name"] for item in figure["data"]] == ["front"]


def test_a_chosen_mark_that_is_dominated_is_drawn_once() -> None:
    figure = front_figure(Front((FrontMark("a", 3.0, 20.0, dominated=True, chosen=True),)))
    assert [item["name"] for item in figure["data"]] == ["chosen"]


def test_breakdown_keeps_the_order_and_adds_parts_up() -> None:
    shares = (
        ModuleShare("stem", "backbone", 1.0),
        ModuleShare("neck", "neck", 0.5),
        ModuleShare("late", "backbone", 0.25),
        ModuleShare("odd", "plugin", -0.1),
    )
    figure = breakdown_figure(shares)
    assert [item["name"] for item in figure["data"]] == [
        "backbone 1.25 ms",
        "neck 0.50 ms",
        "plugin -0.10 ms",
    ]
    assert figure["layout"]["yaxis"]["categoryarray"] == ["stem", "neck", "late", "odd"]
    drawn = sum(sum(item["x"]) for item in figure["data"])
    assert drawn == pytest.approx(sum(share.ms for share in shares))


def test_agreement_shows_identity_band_and_groups() -> None:
    marks = (
        AgreementMark("a", 5.0, 4.0, "held out"),
        AgreementMark("b", 7.0, 8.0, "this engine"),
    )
    figure = agreement_figure(marks)
    identity, band = trace(figure, "equal"), trace(figure, "±5%")
    assert identity["x"] == identity["y"]
    assert identity["x"][0] < 4.0 < 8.0 < identity["x"][1]
    assert band["y"][0] == pytest.approx(band["x"][0] * 1.05)
    assert band["y"][3] == pytest.approx(band["x"][3] * 0.95)
    assert trace(figure, "held out")["x"] == [4.0]
    assert trace(figure, "this engine")["y"] == [7.0]


def test_markup_in_labels_stays_text() -> None:
    figure = agreement_figure((AgreementMark("<b>&", 5.0, 4.0),))
    assert trace(figure, "held out")["text"] == ["&lt;b&gt;&amp;"]


def test_measured_and_predicted_modules_stand_side_by_side() -> None:
    gaps = (ModuleGap("head", "head", 1.0, 2.5), ModuleGap("<stem>", "backbone", 3.0, 2.75))
    figure = comparison_figure(gaps)
    assert [item["name"] for item in figure["data"]] == ["predicted 4.00 ms", "measured 5.25 ms"]
    assert figure["data"][1]["x"] == [2.5, 2.75]
    assert figure["layout"]["yaxis"]["categoryarray"] == ["head", "&lt;stem&gt;"]


def test_differences_turn_losses_around_and_keep_their_intervals() -> None:
    rows = (
        AccuracyRow("AP", 40.0, 39.0, (0.5, 1.75)),
        AccuracyRow("AP small", None, None, None),
        AccuracyRow("AR 1", 30.0, 29.0),
        AccuracyRow("AP50", 60.0, 60.5, (-1.0, 0.0)),
    )
    figure = difference_figure(rows, 0.5)
    (drawn,) = figure["data"]
    assert drawn["y"] == ["AP", "AP50"]
    assert drawn["x"] == [-1.0, 0.5]
    bars = drawn["error_x"]
    for x, plus, minus, (low, high) in zip(
        drawn["x"], bars["array"], bars["arrayminus"], ((0.5, 1.75), (-1.0, 0.0)), strict=True
    ):
        assert (x + plus, x - minus) == pytest.approx((-low, -high))
    assert figure["layout"]["shapes"][0]["x0"] == -0.5
    assert "shapes" not in difference_figure(rows, None)["layout"]
