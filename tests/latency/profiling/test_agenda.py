from dataclasses import replace

import pytest

from latency import FixedAgenda, ProfileConfig, Row, Task, plan_profile
from tests.latency.oracle import QUICK


@pytest.fixture
def workloads(space):
    return plan_profile(space, ProfileConfig(protocol=QUICK, detectors=4, modules=False))[0]


@pytest.fixture
def empty(run_profile):
    return run_profile(minutes=1e-9, detectors=1)


def walk(agenda, table):
    """Take every task, without measuring."""
    tasks = []
    while (task := agenda.next(table)) is not None:
        tasks.append(task)
        table = replace(table, rows=(*table.rows, Row(*task_of(task), None, "skipped")))
    return tasks


def task_of(task):
    return task.workload, task.replicate


def test_first_in_order_then_in_random_orders(workloads, empty):
    agenda = FixedAgenda(workloads, 5, seed=0)
    tasks = walk(agenda, empty)
    assert agenda.planned(empty) == len(tasks) == 20
    rounds = [tuple(t.workload.key for t in tasks[i : i + 4]) for i in range(0, 20, 4)]
    assert rounds[0] == tuple(w.key for w in workloads)
    assert all(sorted(order) == sorted(rounds[0]) for order in rounds)
    assert len(set(rounds)) > 2
    assert [t.replicate for t in tasks] == [i // 4 for i in range(20)]
    assert tasks == walk(FixedAgenda(workloads, 5, seed=0), empty)
    assert tasks != walk(FixedAgenda(workloads, 5, seed=1), empty)


def test_what_the_table_holds_is_taken_even_if_refused(workloads, empty):
    first = Row(workloads[0], 0, None, "failed")
    refused = Row(workloads[2], 0, None, None, refused="busy")
    tasks = walk(FixedAgenda(workloads, 1, seed=0), replace(empty, rows=(refused, first)))
    assert tasks == [Task(workloads[1]), Task(workloads[3])]
