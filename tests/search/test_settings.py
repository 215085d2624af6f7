"""What a search is asked: values out of range, and what nothing in it would heed."""

from pathlib import Path
from typing import Any

import pytest

from latency import make_simulated
from search import Device, EvaluatorError, RunError, SearchSettings

V100 = make_simulated("V100")
LIMITED = Device(name="gpu", predictor=V100, budget_ms=5.0)
FREE = Device(name="gpu", predictor=V100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluator": "guess"}, "unknown evaluator 'guess'; known: classification, proxy, "),
        ({"evaluator": "table"}, "needs a file of known results"),
        ({"table": Path("t.json")}, "and no other does"),
        ({"search_split": "archval", "evaluator": "proxy"}, "scores on no split .--search-split"),
        ({"macs_bins": 8, "evaluator": "scratch"}, "macs_bins are those of a supernet's training"),
        ({"macs_bins": -1}, "macs_bins must be at least 0, got -1"),
        ({"search_images": 0}, "search_images must be at least 1, got 0"),
        ({"recalibration_images": 0}, "recalibration_images must be at least 1, got 0"),
    ],
)
def test_settings_that_contradict_themselves(options: dict[str, Any], message: str) -> None:
    with pytest.raises((EvaluatorError, RunError), match=message):
        SearchSettings(**options)


@pytest.mark.parametrize(
    ("evaluator", "images", "users"),
    [
        ("proxy", "search_images", "classification, scratch, supernet"),
        ("proxy", "recalibration_images", "classification, supernet"),
        ("scratch", "recalibration_images", "classification, supernet"),
    ],
)
def test_numbers_of_images_that_nobody_looks_at(evaluator: str, images: str, users: str) -> None:
    option = f"--{images.replace('_', '-')}"
    with pytest.raises(EvaluatorError, match=rf"the {evaluator} .* {option} \(7\).* {users};"):
        SearchSettings(evaluator=evaluator, **{images: 7})  # type: ignore[arg-type]
    assert SearchSettings(evaluator="supernet", **{images: 7})  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.5, None])
def test_a_confidence_is_that_of_a_budget(confidence: float | None) -> None:
    with pytest.raises(RunError, match=r"confidence \(0.*\) is that of a latency budget"):
        SearchSettings(confidence=confidence, counted={"macs": 1e9})
    assert SearchSettings(confidence=confidence, budget_ms=3.0)
    assert SearchSettings(confidence=confidence, devices=(LIMITED,), budget_ms=3.0)
    assert SearchSettings(confidence=confidence, devices=(LIMITED,), on_every_device=True)


@pytest.mark.parametrize(
    ("options", "lacks"),
    [
        ({"budget_ms": 3.0}, "a further device"),
        ({}, "a further device"),
        ({"devices": (FREE,)}, "a budget"),
    ],
)
def test_all_budgets_are_kept_of_several_devices(options: dict[str, Any], lacks: str) -> None:
    with pytest.raises(RunError, match=f"--on-every-device .* lacks {lacks}"):
        SearchSettings(on_every_device=True, **options)
    assert SearchSettings(on_every_device=True, devices=(LIMITED,))


@pytest.mark.parametrize(
    ("options", "budget"),
    [({"budget_ms": 3.0, "devices": (FREE,)}, "3 ms"), ({"devices": (LIMITED,)}, "5 ms")],
)
def test_a_budget_beside_a_device_without_one(options: dict[str, Any], budget: str) -> None:
    """A detector that keeps the budget of one device is enough, and one takes every detector."""
    with pytest.raises(RunError, match=rf"a budget \({budget}\) beside a device without one"):
        SearchSettings(**options)
    assert SearchSettings(**options, on_every_device=True)
    assert SearchSettings(devices=(FREE,))
