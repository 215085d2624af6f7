"""From a structure of stage one to the space of stage two."""

from pathlib import Path

import pytest

from search import (
    FrontError,
    Origin,
    RunError,
    SearchResult,
    SearchSettings,
    choose_finalist,
    load_result,
    pick_levels,
    plan_search,
    search_detectors,
    stage_two,
)
from search.choosing.two_stages import MODULAR
from searchspaces import SmNasModularSpace, make_space
from tests.search.structures import stage_one_run, stage_two_run


@pytest.fixture(scope="module")
def structures(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return stage_one_run(tmp_path_factory.mktemp("one") / "run")


def test_the_space_stands_on_the_pick(structures: SearchResult) -> None:
    picks = pick_levels(structures, 3)
    for place, pick in enumerate(picks):
        choice = stage_two(f"{structures.folder}:C{place}/3")
        assert choice.name == MODULAR
        assert choice.options == {
            "num_classes": 3,
            "input_hw": [64, 64],
            "norm": "gn_ws",
            "structure": pick.code,
        }
        space = make_space(MODULAR, **choice.options)
        assert isinstance(space, SmNasModularSpace)
        assert str(space.stands_on) == pick.code
        assert len(space.blocks) == 1
        assert space.input_hw == (64, 64)
        assert choice.origin == {
            "run": str(structures.folder.resolve()),
            "pick": f"C{place}",
            "of": 3,
            "structure": pick.code,
        }


def test_what_is_given_goes_before_what_stage_one_had(structures: SearchResult) -> None:
    choice = stage_two(f"{structures.folder}:C0/2", "smnas", {"num_classes": 5, "norm": "bn"})
    assert (choice.options["num_classes"], choice.options["norm"]) == (5, "bn")


def test_six_are_picked_unless_another_number_is_named() -> None:
    assert Origin.parse("a/b:C5") == Origin(Path("a/b"), 5, 6)
    assert Origin.parse("a:b:C2/4") == Origin(Path("a:b"), 2, 4)


@pytest.mark.parametrize(
    "text", ["", "run", "run:", "run:C", ":C3", "run:3", "run:C3/", "run:C-1"]
)
def test_other_texts_are_no_pick(text: str) -> None:
    with pytest.raises(RunError, match="is written RUN:C3"):
        Origin.parse(text)


def test_a_pick_has_to_be_among_its_number() -> None:
    with pytest.raises(RunError, match="of 6 picks the last is C5; write RUN:C6/7"):
        Origin.parse("run:C6")


def test_only_structures_are_a_start(structures: SearchResult, tmp_path: Path) -> None:
    start = f"{structures.folder}:C0/2"
    with pytest.raises(RunError, match="not of 'detnas-nano'"):
        stage_two(start, "detnas-nano")
    with pytest.raises(RunError, match="leave the option 'structure' out"):
        stage_two(start, None, {"structure": "x"})
    with pytest.raises(FrontError, match="1000 cannot be picked"):
        stage_two(f"{structures.folder}:C0/1000")
    with pytest.raises(RunError, match="holds no search run"):
        stage_two(f"{tmp_path}:C0")
    second = stage_two_run(tmp_path / "second", stage_two(start).options, evals=3)
    with pytest.raises(RunError, match="searched smnas-modular; structures are found by"):
        stage_two(f"{second.folder}:C0/2")


def test_multiply_adds_alone_are_cost_enough(structures: SearchResult, tmp_path: Path) -> None:
    """Stage two needs no predictor: no latency is predicted, and nothing pretends to one."""
    settings = SearchSettings(
        evaluator="proxy",
        evals=6,
        strategy="smnas-ea",
        counted={"backbone_macs": None},
        space=stage_two(f"{structures.folder}:C1/3"),
    )
    assert plan_search(None, settings) is None
    result = search_detectors(None, settings, tmp_path / "run")
    assert [goal.name for goal in result.objectives] == ["backbone_macs", "entropy"]
    assert result.complete
    assert load_result(tmp_path / "run").config.notes["origin"]["pick"] == "C1"
    assert not (tmp_path / "run" / "predictor.json").exists()
    space = make_space(result.config.space, **result.config.space_options)
    for evaluation in result.history:
        macs = space.detector(evaluation.architecture).macs()
        assert evaluation.values[0] == macs["backbone"]


def test_what_is_found_is_trained_with_batch_normalisation(
    structures: SearchResult, tmp_path: Path
) -> None:
    choice = stage_two(f"{structures.folder}:C1/3")
    found = stage_two_run(
        tmp_path / "run", choice.options, evals=3, notes={"origin": dict(choice.origin)}
    )
    finalist = choose_finalist(str(found.folder))
    assert finalist.options == {**choice.options, "norm": "bn"}
    assert finalist.space == make_space(MODULAR, **finalist.options)
    assert (finalist.renormed, finalist.inherited()) == (True, None)
    assert found.best is not None
    assert finalist.architecture == found.best.architecture
    assert (finalist.predicted, finalist.predictor_path) == (False, None)
    other = stage_two_run(tmp_path / "other", choice.options, evals=3)
    assert choose_finalist(str(other.folder)).options["norm"] == "gn_ws", "stands on no pick"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "nothing says what a detector costs; give a predictor by -t, or --count macs"),
        ({"counted": {"macs": None}, "budget_ms": 3.0}, "needs a predictor"),
    ],
)
def test_without_predictor_something_else_has_to_count(
    changes: dict[str, object], words: str, tmp_path: Path
) -> None:
    settings = SearchSettings(evaluator="proxy", **changes)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=words):
        search_detectors(None, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_predictor_the_space_is_named() -> None:
    settings = SearchSettings(evaluator="proxy", counted={"macs": None})
    with pytest.raises(RunError, match="has to be named by --space"):
        plan_search(None, settings)
