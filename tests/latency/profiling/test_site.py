"""A profile that is written here and measured elsewhere."""

from dataclasses import replace

import pytest

from engines import EngineRunError
from latency import (
    ProfileConfig,
    TableMismatchError,
    profile_at,
    read_table,
    recording_path,
    site_here,
)
from tests.latency.oracle import OPTIONS, QUICK, additive_backend

SOFTWARE = {"detfit": "0", "torch": "of the other machine"}


class Elsewhere:
    """A device with a name and software of its own, which may be lost after some visits."""

    def __init__(self, site, visits=10**9):
        self._site, self._left, self.software = site, visits, SOFTWARE
        self.device = replace(site.device, uuid="elsewhere")
        self.sentinel_key, self.require_quiet = site.sentinel_key, site.require_quiet
        self.finished = self.closed = False

    def visit(self, task, attempt, usual_ms):
        self._left -= 1
        if self._left < 0:
            raise EngineRunError("the machine is gone")
        row = self._site.visit(task, attempt, usual_ms)
        return replace(row, measurement=replace(row.measurement, device=self.device))

    def finish(self):
        self.finished = True

    def close(self):
        self.closed = True


@pytest.fixture
def run(space, tmp_path):
    def run(visits=10**9, **options):
        config = ProfileConfig(protocol=QUICK, replicates=1, detectors=3, modules=False)
        sites, path = [], tmp_path / "t.jsonl"
        inner = site_here(additive_backend(), config, tmp_path / "there.jsonl")

        def open_site(recording, inputs):
            assert recording_path(path).exists()
            sites.append(Elsewhere(inner(recording, inputs), visits))
            return sites[-1]

        try:
            return profile_at(space, open_site, config, path, space_options=OPTIONS, **options)
        finally:
            run.site = sites[-1]
            assert run.site.closed

    return run


def test_the_table_names_the_device_and_software_of_the_site(run, tmp_path):
    table = run()
    assert run.site.finished
    assert table.manifest.device.uuid == "elsewhere"
    assert table.manifest.software == SOFTWARE
    assert read_table(tmp_path / "t.jsonl") == table
    assert table.manifest.inputs
    assert not (tmp_path / "t.jsonl.cache").exists()


def test_a_site_that_is_lost_leaves_what_it_measured(run, tmp_path):
    with pytest.raises(EngineRunError, match="gone"):
        run(visits=2)
    assert not run.site.finished
    begun = read_table(tmp_path / "t.jsonl").rows
    assert len(begun) == 2
    whole = run(resume=True, visits=3)
    assert whole.rows[:2] == begun
    assert len(whole.rows) == 3


def test_another_device_does_not_go_on(run, run_profile):
    run_profile(detectors=3, modules=False)
    with pytest.raises(TableMismatchError, match=r"device\.uuid is .*'elsewhere'"):
        run(resume=True)
