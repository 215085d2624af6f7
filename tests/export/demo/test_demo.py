"""The demo, small: that it goes through, goes on, and says truly what failed.

Its profile is timed by a formula here (a real one takes seconds), so predictions miss, and the
verdict has to say so. The test marked `slow` profiles this machine.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detection import ShapesRecipe
from engines import FakeBackend, UnknownEngineError
from export import DemoError, DemoResult, DemoSettings, load_bundle, run_demo
from search import InfeasibleBudgetError, RunError
from searchspaces import UnknownSpaceError
from tests.latency.oracle import true_latency_ms

SETTINGS = DemoSettings(
    recipe=ShapesRecipe(
        num_train=20, num_val=4, image_hw=(64, 64), size_px=(32, 56), num_classes=1, objects=(1, 1)
    ),
    detectors=9,
    replicates=1,
    seconds=0.01,
    supernet_steps=6,
    evals=4,
    winner_steps=2,
    batch_size=4,
    lr=0.01,
)


class Formula(FakeBackend):
    """Times by formula and says that it is onnxruntime."""

    name = "onnxruntime"

    def __init__(self, device_name: str = "formula") -> None:
        super().__init__(
            latency_ms=lambda model: true_latency_ms(model.graph),  # type: ignore[attr-defined]
            device_name=device_name,
        )


@pytest.fixture
def _formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.demo.stages.get_backend", lambda name: Formula())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.demo.stages.get_backend", lambda name: Formula())
        return run_demo(tmp_path_factory.mktemp("demos") / "demo", settings=SETTINGS)


def test_it_goes_through_and_says_what_failed(small: DemoResult) -> None:
    fields = small.to_dict()
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    assert fields["passed"] is small.passed is False
    assert any("off the predicted" in reason for reason in small.reasons)
    assert not any(reason.startswith("PASS") for reason in small.reasons)
    assert fields["failed"] == list(small.reasons)
    assert fields["evaluated"] == 4
    assert fields["measured_ms"] > 0
    assert set(fields["seconds"]) == {"data", "profile", "fit", "search", "train", "export"}
    assert len(fields["verdict"]) == 7


def test_it_leaves_bundle_and_report(small: DemoResult) -> None:
    bundle = load_bundle(small.folder / "bundle")
    assert bundle.manifest.limits.budget_ms == small.budget_ms
    assert bundle.manifest.origin.commands == (f"detfit demo -o {small.folder}",)
    assert (small.folder / "report.html").read_bytes() == bundle.report_path.read_bytes()
    best = max(small.search.history, key=lambda e: e.values[1])
    assert bundle.manifest.origin.arch == f"detnas-nano:{best.code}"
    assert all(e.values[0] <= small.budget_ms for e in small.search.history)


@pytest.mark.usefixtures("_formula")
def test_a_second_call_goes_on_without_repeating(small: DemoResult) -> None:
    told: list[str] = []
    table = (small.folder / "table.jsonl").read_bytes()
    again = run_demo(
        small.folder, settings=SETTINGS, progress=lambda message, *_: told.append(message)
    )
    assert not [m for m in told if m.startswith(("data: painting", "train: loss", "search:"))]
    assert (small.folder / "table.jsonl").read_bytes() == table
    assert again.search.history == small.search.history
    assert again.winner.training.resumed_at == SETTINGS.winner_steps
    np.testing.assert_array_equal(again.winner.accuracy.numbers, small.winner.accuracy.numbers)
    assert again.budget_ms == small.budget_ms


class KilledError(Exception):
    """Stands for the end of a process."""


def die_at(stage: str) -> Callable[[str, float, float], None]:
    def progress(message: str, done: float, total: float) -> None:
        if message.startswith(f"{stage}:") and done >= 2:
            raise KilledError

    return progress


@pytest.mark.slow
@pytest.mark.usefixtures("_formula")
@pytest.mark.parametrize("stage", ["data", "profile", "search", "train"])
def test_a_killed_demo_finds_the_same_winner(
    small: DemoResult, tmp_path: Path, stage: str
) -> None:
    with pytest.raises(KilledError):
        run_demo(tmp_path / "demo", settings=SETTINGS, progress=die_at(stage))
    resumed = run_demo(tmp_path / "demo", settings=SETTINGS)
    assert [e.code for e in resumed.search.history] == [e.code for e in small.search.history]
    np.testing.assert_array_equal(resumed.search.values, small.search.values)
    assert resumed.winner.weights.read_bytes() == small.winner.weights.read_bytes()


# --- refusals


def test_another_machine_is_refused(small: DemoResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.demo.stages.get_backend", lambda name: Formula("another"))
    with pytest.raises(
        DemoError, match=r"another machine or runtime \(.*device\.name is"
    ) as caught:
        run_demo(small.folder, settings=SETTINGS)
    assert "choose another -o" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("_formula")
def test_other_settings_are_refused(small: DemoResult) -> None:
    with pytest.raises(DemoError, match="evals is 4 there, 5 here"):
        run_demo(small.folder, settings=replace(SETTINGS, evals=5))


@pytest.mark.usefixtures("_formula")
def test_another_budget_is_refused_by_the_search(small: DemoResult) -> None:
    with pytest.raises(RunError, match="was begun with constraints"):
        run_demo(small.folder, settings=SETTINGS, budget_ms=small.budget_ms * 1.1)


@pytest.mark.usefixtures("_formula")
def test_an_impossible_budget_may_be_corrected(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleBudgetError):
        run_demo(tmp_path / "demo", settings=SETTINGS, budget_ms=0.001)
    assert not (tmp_path / "demo" / "run").exists()
    with pytest.raises(KilledError):  # it came as far as the training of the winner
        run_demo(tmp_path / "demo", settings=SETTINGS, budget_ms=1e4, progress=die_at("train"))


def test_unknown_names_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownEngineError):
        run_demo(tmp_path / "demo", settings=replace(SETTINGS, engine="onyx"))
    with pytest.raises(UnknownSpaceError):
        run_demo(tmp_path / "demo", settings=replace(SETTINGS, space="nowhere"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_real_thing_in_small(tmp_path: Path) -> None:
    found = run_demo(tmp_path / "demo", settings=SETTINGS)
    assert not any("failed, first" in reason for reason in found.reasons)
    assert found.to_dict()["ap50_engine"] == pytest.approx(found.to_dict()["ap50_torch"], abs=0.5)
