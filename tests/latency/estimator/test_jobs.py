"""Rounds of independent jobs, one after the other and in processes."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from latency import fit_estimator
from latency.estimator import estimator as module, network
from latency.estimator.jobs import Job, Plan, carry_out, together
from tests.latency.estimator.device import grid, measured


def halved(number: float) -> float:
    return number / 2


def steps(start: float, rounds: int) -> Plan[list[float]]:
    seen = []
    for _ in range(rounds):
        answers = yield [Job(halved, (start,), start), Job(halved, (start + 1,), 0.0)]
        seen += answers
        start = answers[0]
    return seen


def nothing() -> Plan[str]:
    yield from ()
    return "no jobs"


def test_rounds_are_shared_and_answers_come_back_in_order():
    rounds = []

    def counted() -> Plan[list[object]]:
        plan: Plan[list[object]] = together([steps(8, 3), nothing(), steps(100, 1)])
        jobs = next(plan)
        while True:
            rounds.append(len(jobs))
            answers = yield jobs
            try:
                jobs = plan.send(answers)
            except StopIteration as end:
                return end.value

    found = carry_out(counted())
    assert found == [[4.0, 4.5, 2.0, 2.5, 1.0, 1.5], "no jobs", [50.0, 50.5]]
    assert rounds == [4, 2, 2]
    assert carry_out(nothing()) == "no jobs"
    assert carry_out(together([])) == []
    assert carry_out(together([steps(8, 3), steps(100, 1)]))[0] == [4.0, 4.5, 2.0, 2.5, 1.0, 1.5]


def test_the_longest_begin_first():
    begun: list[str] = []

    def called(name: str) -> str:
        begun.append(name)
        return name

    def plan() -> Plan[list[str]]:
        return (
            yield [Job(called, (name,), cost) for name, cost in (("a", 1), ("b", 9), ("c", 5))]
        )

    assert carry_out(plan()) == ["a", "b", "c"]
    assert begun == ["b", "c", "a"]


def test_what_a_job_raises_arrives():
    def plan() -> Plan[None]:
        yield [Job(halved, ("text",), 1.0)]

    for processes in (False, True):
        with pytest.raises(TypeError, match="unsupported operand"):
            carry_out(plan(), processes=processes)


def test_processes_learn_the_same(monkeypatch):
    monkeypatch.setattr(network, "EPOCHS", 30)
    times = dict(list(measured(grid(), 0.01, np.random.default_rng(0)).items())[-550:])
    monkeypatch.setattr(module, "MIN_FOR_PROCESSES", 10_000)
    in_turn = fit_estimator(times, np.random.default_rng(1))
    monkeypatch.setattr(module, "MIN_FOR_PROCESSES", 100)
    assert fit_estimator(times, np.random.default_rng(1)) == in_turn
    assert in_turn.families["conv fp32 b1"].blend is not None


def test_scripts_need_no_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from math import sqrt\n"
        "from latency.estimator.jobs import Job, carry_out\n"
        "def plan():\n"
        "    return (yield [Job(sqrt, (n * n,), 1.0) for n in range(4)])\n"
        "print(carry_out(plan(), processes=True))\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert found.stdout == "[0.0, 1.0, 2.0, 3.0]\n", found.stderr


def killed(parent: int) -> int:
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return parent


def test_a_process_that_is_killed_is_done_without():
    def plan() -> Plan[list[int]]:
        return (yield [Job(killed, (os.getpid(),), 1.0), Job(halved, (4.0,), 1.0)])

    assert carry_out(plan(), processes=True) == [os.getpid(), 2.0]
