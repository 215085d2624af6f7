"""Strategies written after the contract alone, with and without its optional members."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import (
    STRATEGIES,
    CallableEvaluator,
    Constraint,
    ConstraintSet,
    Fidelity,
    Nsga2Strategy,
    Objective,
    SearchResult,
    SearchSettings,
    SpaceExhaustedError,
    Strategy,
    StrategyError,
    load_result,
    make_strategy,
    require_feasible,
    run_search,
)
from search.conformance import GOALS, RUNGS, Graded, StrategyConformance, cost, quality
from search.spaces.digits import DigitSpace
from search.strategies import make_proposer
from searchspaces import Architecture

SPACE = DigitSpace(6, 3)


class Plain:
    """List the space, and propose what is most like the best so far."""

    name = "plain"

    def __init__(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        kept = ConstraintSet(constraints, objectives)
        require_feasible(space, kept, rng)
        left = [arch for arch in space.enumerate() if kept.satisfied(arch)]
        self._left = [left[int(index)] for index in rng.permutation(len(left))]
        self._columns, self._proposed = len(objectives), 0
        self._told: dict[Architecture, float] = {}

    def ask(self, n: int = 1) -> list[Architecture]:
        if n < 1:
            raise StrategyError(f"n must be at least 1, got {n}")
        if not self._left:
            raise SpaceExhaustedError("that was all", proposed=self._proposed, proven=True)
        batch, self._left = self._left[:n], self._left[n:]
        self._proposed += len(batch)
        return batch

    def tell(self, architectures: Sequence[Architecture], values: Any) -> None:
        table = np.array(values, np.float64)
        if table.shape != (len(architectures), self._columns) or np.isinf(table).any():
            raise StrategyError(f"told {table}")
        if self._told.keys() & set(architectures):
            raise StrategyError("told twice")
        for architecture, row in zip(architectures, table, strict=True):
            best = np.nanmax([-np.inf, *self._told.values()])
            self._told[architecture] = float(row[-1])
            if row[-1] > best:
                self._left.sort(key=lambda other: _unlike(other, architecture))


def _unlike(a: Architecture, b: Architecture) -> int:
    return sum(one != other for one, other in zip(a.genes, b.genes, strict=True))


class Listening(Plain):
    """Propose next what is like the latest part that was told."""

    name = "listening"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.heard: list[tuple[Architecture, float, tuple[float, ...]]] = []

    def tell_part(self, architecture: Architecture, share: float, values: Any) -> None:
        self.heard.append((architecture, share, tuple(values)))
        self._left.sort(key=lambda other: _unlike(other, architecture))


@dataclass(frozen=True)
class BoldOptions:
    boldness: int = 2

    def __post_init__(self) -> None:
        if self.boldness < 1:
            raise StrategyError(f"boldness must be at least 1, got {self.boldness}")


class Bold(Plain):
    name = "bold"
    options_type = BoldOptions

    def __init__(
        self, space: Any, objectives: Any, constraints: Any, seed: int, options: BoldOptions
    ) -> None:
        super().__init__(space, objectives, constraints, seed)
        self.options = options


class TestPlain(StrategyConformance):
    kind: type[Plain] = Plain

    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return self.kind(space, objectives, constraints, seed)


class TestListening(TestPlain):
    kind = Listening


class NeedsEverything(Plain):
    needs_every_result = True


class TestNeedsEverything(TestPlain):
    """What needs every result is refused with rungs, and conforms otherwise."""

    kind = NeedsEverything


def search_in(folder: Path, strategy: Any, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {"evals": 20, "seed": 3, "fidelity": RUNGS}
    return run_search(SPACE, strategy, Graded(), GOALS, **usual | changes, out_dir=folder)


def test_parts_are_heard_and_whole_ones_told(tmp_path: Path) -> None:
    made: list[Listening] = []

    def make(*arguments: Any) -> Listening:
        made.append(Listening(*arguments))
        return made[-1]

    result = search_in(tmp_path, make)
    (strategy,) = made
    parts = {(e.architecture, r.share, r.values) for e in result.history for r in e.rungs}
    assert len(parts) > 20
    assert set(strategy.heard) == parts
    assert len(strategy.heard) == len(parts)
    assert {share for _, share, _ in parts} == {0.1, 0.3}
    whole = {e.architecture: e.values[1] for e in result.history if e.status == "ok"}
    assert strategy._told == whole


def test_what_is_heard_changes_the_course(tmp_path: Path) -> None:
    heard, deaf = (
        [e.code for e in search_in(tmp_path / each.name, each).history]
        for each in (Listening, Plain)
    )
    assert heard[:1] == deaf[:1]
    assert heard != deaf


def test_a_run_records_the_name_and_the_options(tmp_path: Path) -> None:
    search_in(tmp_path / "plain", Plain)
    config = load_result(tmp_path / "plain").config
    assert (config.strategy, config.strategy_options) == ("plain", {})
    result = search_in(tmp_path / "bold", Bold, options={"boldness": 3}, fidelity=None)
    assert (result.config.strategy, result.config.strategy_options) == ("bold", {"boldness": 3})
    assert {e.birth.how for e in result.history if e.birth} == {"proposed"}
    with pytest.raises(StrategyError, match="bold has no option 'bold'; its options are boldness"):
        search_in(tmp_path / "bolder", Bold, options={"bold": 3})
    with pytest.raises(StrategyError, match="boldness must be at least 1, got 0"):
        search_in(tmp_path / "bolder", Bold, options={"boldness": 0})
    with pytest.raises(StrategyError, match="plain has no option 'bold'; it has none"):
        search_in(tmp_path / "bolder", Plain, options={"bold": 3})
    assert not (tmp_path / "bolder").exists()


def test_a_constraint_and_a_batch_reach_it(tmp_path: Path) -> None:
    limit = Constraint("cost", 4.0)
    result = run_search(
        SPACE,
        Plain,
        CallableEvaluator(quality, "quality"),
        GOALS,
        (limit,),
        evals=12,
        batch_size=4,
        out_dir=tmp_path,
    )
    assert result.complete
    assert max(cost(e.architecture) for e in result.history) <= 4.0
    assert [e.batch for e in result.history] == [0] * 4 + [1] * 4 + [2] * 4


def test_a_class_of_the_projects_own_is_taken_as_it_is() -> None:
    by_class = make_proposer(Nsga2Strategy, SPACE, GOALS, (), 3, {"population": 6})
    by_name = make_proposer("nsga2", SPACE, GOALS, (), 3, {"population": 6})
    assert type(by_class) is type(by_name) is Nsga2Strategy
    assert by_class.options == by_name.options
    assert by_class.ask(5) == by_name.ask(5)
    assert SearchSettings(strategy=Plain).strategy is Plain


def test_what_is_no_strategy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StrategyError, match="it has no 'name'; a strategy has name, ask, tell"):
        search_in(tmp_path / "run", lambda *arguments: object())
    with pytest.raises(StrategyError, match="seed must be an integer"):
        search_in(tmp_path / "run", Plain, seed=-1)
    monkeypatch.setitem(STRATEGIES, "plain", Plain)  # type: ignore[arg-type]
    with pytest.raises(StrategyError, match="which is no StrategyBase; derive it from that"):
        make_strategy("plain", SPACE, GOALS)
    assert not list(tmp_path.iterdir())


class Broken(Plain):
    """Propose what a test says instead of the first batch."""

    name = "broken"
    instead: Sequence[Architecture] = ()

    def ask(self, n: int = 1) -> list[Architecture]:
        super().ask(n)
        return list(self.instead)


def digits(text: str) -> Architecture:
    return Architecture("digits", tuple(map(int, text)))


BREACHES = {
    "none": (
        [],
        "broken was asked for 1 and proposes 0; propose 1 to 1, and raise SpaceExhausted",
    ),
    "too many": ([digits("000000"), digits("000001")], "broken was asked for 1 and proposes 2"),
    "elsewhere": ([digits("999999")], r"broken proposes Architecture.*, which is not in digits"),
    "dear": ([digits("222222")], "broken proposes 222222, which violates a constraint"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_proposal_that_breaks_the_contract_is_not_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breach: str
) -> None:
    proposals, message = BREACHES[breach]
    monkeypatch.setattr(Broken, "instead", proposals)
    with pytest.raises(StrategyError, match=message):
        run_search(
            SPACE,
            Broken,
            Graded(),
            GOALS,
            (Constraint("cost", 4.0),),
            evals=4,
            out_dir=tmp_path,
        )
    assert not load_result(tmp_path).history


def test_a_second_proposal_of_the_same_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "instead", [digits("000000")])
    with pytest.raises(StrategyError, match="proposes 000000, which was proposed before"):
        search_in(tmp_path, Broken, fidelity=Fidelity((0.5, 1.0)))
    (only,) = load_result(tmp_path).history
    assert only.code == "000000"


class Folded(DigitSpace):
    """Digits whose order does not matter; the sorted ones stand for all."""

    def canonical(self, arch: Architecture) -> Architecture:
        return Architecture(arch.space, tuple(sorted(arch.genes, key=int)))


def test_a_proposal_in_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="whose canonical form is"):
        run_search(Folded(6, 3), Plain, Graded(), GOALS, evals=30, out_dir=tmp_path)
