"""One front over the second stages of several structures."""

import json
from pathlib import Path

import numpy as np
import pytest

from search import (
    Objective,
    ObjectiveError,
    RunError,
    SearchResult,
    describe_joint,
    joint_front,
    load_result,
    run_search,
)
from search.fronts.dominance import nondominated
from search.objectives.latency import LATENCY
from searchspaces import make_space
from tests.search.structures import STRUCTURES, accuracy_of, latency_of, stage_two_run

SMALL = {**STRUCTURES, "structure": "resnet18/P2-P5@128/rpn/2fc/512x512"}
LARGE = {**STRUCTURES, "structure": "resnet50/P2-P5@256/rpn/cascade2/512x512"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[SearchResult]:
    folder = tmp_path_factory.mktemp("two")
    return [
        stage_two_run(folder / "a", SMALL, notes={"origin": {"pick": "C0"}}),
        stage_two_run(folder / "b", LARGE, notes={"origin": {"pick": "C4"}}),
        stage_two_run(folder / "c", SMALL, seed=1),
    ]


def test_it_is_the_front_of_all_together(runs: list[SearchResult]) -> None:
    values = np.concatenate([run.values for run in runs])
    expected = values[nondominated(values, runs[0].objectives)]
    front = joint_front(runs)
    found = np.array([point.evaluation.values for point in front])
    assert found.tolist() == sorted(expected.tolist())
    assert {point.structure for point in front} <= {SMALL["structure"], LARGE["structure"]}


def test_every_structure_has_its_own(runs: list[SearchResult]) -> None:
    loaded = [load_result(run.folder) for run in runs]
    fields = describe_joint(loaded)
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    small, large = fields["by_structure"]
    assert (small["structure"], large["structure"]) == (SMALL["structure"], LARGE["structure"])
    assert (small["picks"], large["picks"]) == (["C0"], ["C4"])
    assert (small["evaluated"], large["evaluated"]) == (24, 12)
    assert small["on_joint_front"] + large["on_joint_front"] == len(fields["front"])
    assert [row["run"] for row in large["front"]] == [str(runs[1].folder)] * len(large["front"])
    assert large["front"] == [point.to_dict() for point in joint_front(runs[1:2])]
    assert fields["evaluated"] == 36
    assert fields["complete"] is True


def test_runs_of_other_objectives_have_no_joint_front(
    runs: list[SearchResult], tmp_path: Path
) -> None:
    space = make_space("smnas-modular", **SMALL)
    goals = (latency_of(space), Objective("ap", "max", "AP"))
    other = run_search(
        space,
        "random",
        accuracy_of(space),
        goals,
        evals=5,
        out_dir=tmp_path / "x",
        space_options=SMALL,
    )
    with pytest.raises(RunError, match=r"other objectives \(latency_ms/ap\) than"):
        joint_front([runs[0], other])
    with pytest.raises(ObjectiveError, match="no objective is named 'latency_ms'"):
        joint_front(runs, budget_ms=1.0)
    middle = float(np.median(other.values[:, 0]))
    within = joint_front([other], budget_ms=middle)
    assert within
    assert all(point.to_dict()[LATENCY] <= middle for point in within)
    assert joint_front([other], budget_ms=1e-9) == ()


def test_runs_on_other_data_have_no_joint_front(runs: list[SearchResult], tmp_path: Path) -> None:
    other = stage_two_run(tmp_path / "x", SMALL, evals=3, context={"evaluator": "scratch"})
    with pytest.raises(RunError, match="in evaluator \\('scratch' instead of None\\)"):
        joint_front([runs[0], other])
    with pytest.raises(RunError, match="at least one run"):
        joint_front([])
