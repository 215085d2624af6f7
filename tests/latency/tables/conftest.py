from __future__ import annotations

import pytest


@pytest.fixture
def table(run_profile):
    return run_profile(detectors=2)


@pytest.fixture
def path(table, tmp_path):
    """The file of the table, closed."""
    return tmp_path / "t.jsonl"
