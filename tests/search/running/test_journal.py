"""Run folders: what is refused, and by which name."""

import json
import math
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search import Budget, Constraint, JournalError, RunConfig, RunError
from search.running.config import ObjectiveConfig, plain_json, versions_here
from search.running.database import JOURNAL_FILE
from search.running.journal import Journal
from search.spaces.digits import DigitSpace

SPACE = DigitSpace(3, 2)
CONFIG = RunConfig(
    space="digits",
    space_options={"positions": 3},
    strategy="random",
    strategy_options={"max_attempts": 1000},
    objectives=(
        ObjectiveConfig("latency_ms", "min", "ms", known=True),
        ObjectiveConfig("ap", "max", "AP", known=False),
    ),
    constraints=(Constraint("latency_ms", 30.0, 0.95),),
    evals=10,
    batch_size=2,
    budget=Budget(images=100),
    seed=7,
    context={"data": "shapes"},
    versions=versions_here(),
    created_at="2025-01-01T00:00:00.000+00:00",
)
A, B, C = ((code, SPACE.decode(code)) for code in ("000", "010", "111"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a result, a failure and an evaluation that was killed."""
    with Journal.open(tmp_path / "run", CONFIG, resume=False) as journal:
        journal.add_batch(2, 0, [A, B])
        journal.start(0)
        journal.succeed(0, {"latency_ms": 12.5, "ap": 0.1 + 0.2}, 1.5)
        journal.start(1)
        journal.fail(1, "ValueError: no boxes", "Traceback ...", 0.5)
        journal.add_batch(2, 2, [C])
        journal.start(2)
    return tmp_path / "run"


def test_what_is_written_is_read_back(run: Path) -> None:
    with Journal.read(run) as journal:
        assert journal.config == CONFIG
        first, second, third = journal.evaluations()
        batches = journal.batches()
    assert (first.architecture, first.code, first.status) == (A[1], "000", "ok")
    assert first.values == (12.5, 0.1 + 0.2)  # to the last bit
    assert (first.seconds, first.finished_order, first.batch) == (1.5, 0, 0)
    assert (second.status, second.error, second.finished_order) == (
        "failed",
        "ValueError: no boxes",
        1,
    )
    assert all(map(math.isnan, second.values))
    assert (third.status, third.finished, third.finished_order) == ("running", False, None)
    assert [(b.requested, b.told_before, b.proposed) for b in batches] == [(2, 0, 2), (2, 2, 1)]


def test_results_are_numbered_as_they_come(run: Path) -> None:
    with Journal.open(run, CONFIG, resume=True) as journal:
        journal.succeed(2, {"latency_ms": 1.0, "ap": 2.0}, 0.1)
        assert [e.finished_order for e in journal.evaluations()] == [0, 1, 2]
        assert [e.index for e in journal.evaluations(first=1)] == [1, 2]


def test_notes_are_replaced_and_removed(run: Path) -> None:
    with Journal.open(run, CONFIG, resume=True) as journal:
        assert journal.noted("stopped") is None
        journal.note("stopped", "exhausted")
        journal.note("stopped", "really")
        assert journal.noted("stopped") == "really"
        journal.note("stopped", None)
        assert journal.noted("stopped") is None


def test_a_begun_run_is_not_begun_again(run: Path) -> None:
    with pytest.raises(RunError, match="go on with --resume, or choose another -o"):
        Journal.open(run, CONFIG, resume=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 8}, "seed = 7, now it is 8"),
        ({"space": "other"}, "space = 'digits', now it is 'other'"),
        ({"space_options": {"positions": 4}}, r"space_options.positions = \d, now it is 4"),
        ({"strategy": "detnas-ea"}, "strategy = 'random', now it is 'detnas-ea'"),
        ({"strategy_options": {}}, r"strategy_options\.\w+ = .*, now it is None"),
        ({"objectives": CONFIG.objectives[:1]}, "objectives = "),
        ({"constraints": ()}, "constraints = "),
        ({"batch_size": 1}, "batch_size = 2, now it is 1"),
        ({"budget": None}, "budget = .*, now it is None"),
        ({"context": {"data": "coco"}}, "context.data = 'shapes', now it is 'coco'"),
        ({"evals": 9}, "evals = 10, now it is 9; a run can be made longer, not shorter"),
    ],
)
def test_another_configuration_is_refused_by_field(
    run: Path, change: dict[str, Any], message: str
) -> None:
    before = (run / "run.json").read_bytes()
    with pytest.raises(RunError, match=message):
        Journal.open(run, replace(CONFIG, **change), resume=True)
    assert (run / "run.json").read_bytes() == before


def test_a_run_can_be_made_longer(run: Path) -> None:
    later = replace(CONFIG, evals=20, created_at="later", versions={})
    Journal.open(run, later, resume=True).close()
    assert RunConfig.load(run) == replace(CONFIG, evals=20)


def test_resuming_nothing_begins(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "a" / "b", CONFIG, resume=True) as journal:
        assert journal.evaluations() == ()


def test_one_process_writes_while_others_read(run: Path) -> None:
    with Journal.open(run, CONFIG, resume=True) as journal:
        with pytest.raises(RunError, match="another process is writing the run"):
            Journal.open(run, CONFIG, resume=True)
        with Journal.read(run) as reader:
            journal.succeed(2, {"latency_ms": 1.0, "ap": 2.0}, 0.1)
            assert reader.evaluations()[2].status == "ok"
    Journal.open(run, CONFIG, resume=True).close()


def test_reading_leaves_no_files(run: Path) -> None:
    before = sorted(path.name for path in run.iterdir())
    run.chmod(0o555)
    with Journal.read(run) as journal:
        assert len(journal.evaluations()) == 3
    run.chmod(0o755)
    assert sorted(path.name for path in run.iterdir()) == before


def overwrite(path: Path) -> None:
    path.write_bytes(b"not a database, by no means" * 100)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_version(path: Path) -> None:
    execute(path, "PRAGMA user_version = 99")


def forge(path: Path) -> None:
    execute(path, "UPDATE evaluations SET architecture = '[\"digits\", [1, 1, 1]]'")


def garble(path: Path) -> None:
    execute(path, "UPDATE evaluations SET value_json = '{\"ap\": 1}'")


def unorder(path: Path) -> None:
    execute(path, "UPDATE evaluations SET finished_order = NULL")


def blow_up(path: Path) -> None:
    execute(path, 'UPDATE evaluations SET value_json = \'{"latency_ms": 1e999, "ap": 1}\'')


def misplace(path: Path) -> None:
    execute(path, "UPDATE batches SET told_before = 'x'")


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (overwrite, "file is not a database"),
        (shorten, "journal.sqlite"),
        (empty, "schema version 0; this detfit reads 1"),
        (other_version, "schema version 99; this detfit reads 1"),
        (forge, "evaluation 0 is damaged.*digest"),
        (garble, "evaluation 0 is damaged.*latency_ms"),
        (unorder, "evaluation 0 is damaged.*finished_order is None"),
        (blow_up, "evaluation 0 is damaged.*not finite"),
        (misplace, "batch 0 is damaged"),
        (Path.unlink, "holds run.json but no journal.sqlite"),
    ],
)
def test_a_damaged_journal_is_one_line(
    run: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(run / JOURNAL_FILE)
    with pytest.raises(JournalError, match=message) as caught:
        read_all(run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [overwrite, shorten, other_version])
def test_a_damaged_journal_is_not_resumed(run: Path, damage: Callable[[Path], None]) -> None:
    damage(run / JOURNAL_FILE)
    before = (run / JOURNAL_FILE).read_bytes()
    with pytest.raises(JournalError):
        Journal.open(run, CONFIG, resume=True)
    assert (run / JOURNAL_FILE).read_bytes() == before


def read_all(run: Path) -> None:
    with Journal.read(run) as journal:
        journal.evaluations()
        journal.batches()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[" * 200_000, "cannot be read"),
        ("[]", "schema version None"),
        ('{"schema_version": 2}', "schema version 2; this detfit reads 1"),
        ('{"schema_version": 1}', "run.json: space: Field required"),
    ],
)
def test_a_damaged_run_file_is_one_line(run: Path, text: str, message: str) -> None:
    (run / "run.json").write_text(text)
    with pytest.raises(JournalError, match=message) as caught:
        Journal.read(run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seed", "7", "seed: Input should be a valid integer"),
        ("objectives", [{"name": "ap"}], "objectives.0.direction: Field required"),
        ("constraints", [{"objective": "ap", "upper": 1.0, "confidence": 95.0}], "constraints.0"),
    ],
)
def test_a_wrong_field_of_the_run_file_is_named(
    run: Path, field: str, value: Any, message: str
) -> None:
    plain = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(plain | {field: value}))
    with pytest.raises(JournalError, match=message):
        Journal.read(run)


def test_folders_without_a_run(tmp_path: Path, run: Path) -> None:
    with pytest.raises(RunError, match=r"holds no search run: run\.json is missing"):
        Journal.read(tmp_path / "nowhere")
    (run / "run.json").unlink()
    with pytest.raises(JournalError, match=r"holds journal.sqlite but no run.json"):
        Journal.open(run, CONFIG, resume=True)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file cannot be written: .*; choose another -o"):
        Journal.open(tmp_path / "file", CONFIG, resume=False)
    (tmp_path / "run" / "lock.sqlite").mkdir(parents=True)
    with pytest.raises(RunError, match="cannot be written: unable to open database file"):
        Journal.open(tmp_path / "run", CONFIG, resume=False)


def test_killed_before_the_tables_were_made(run: Path) -> None:
    shutil.rmtree(run)
    run.mkdir()
    CONFIG.save(run)
    with Journal.open(run, CONFIG, resume=True) as journal:
        assert journal.batches() == ()


def test_only_plain_json_is_recorded() -> None:
    assert plain_json("context", {"hw": (1, 2)}) == {"hw": [1, 2]}
    assert plain_json("context", None) == {}
    for bad in (math.nan, {1, 2}, Path()):
        with pytest.raises(RunError, match="context must be plain JSON"):
            plain_json("context", {"x": bad})
