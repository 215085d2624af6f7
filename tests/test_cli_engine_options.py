"""Options of an engine on the command line: in the table, and refused where they differ."""

import json
from dataclasses import replace
from types import SimpleNamespace

from engines import BACKENDS, FakeBackend
from engines.options import flag, options_text, parse_options
from tests.cli import done, run


class Tunable(FakeBackend):
    """Takes one option, which its device records."""

    known_options = {"fast": flag("Hurry.")}

    def with_options(self, texts):
        made = Tunable(overhead_ms=0.01)
        made.chosen = SimpleNamespace(**parse_options("fake", self.known_options, texts))
        return made

    def probe(self, device="cpu"):
        chosen = getattr(self, "chosen", SimpleNamespace(fast=False))
        return replace(
            super().probe(device), options=options_text(self.known_options, chosen), uuid="board"
        )


def test_a_table_keeps_the_options_of_its_engine(tmp_path, monkeypatch):
    monkeypatch.setitem(BACKENDS, "fake", Tunable())
    table = tmp_path / "t.jsonl"
    common = ("profile", "--space", "detnas-nano", "--engine", "fake", "--classes", 3)
    few = ("--no-modules", "--detectors", 2, "--replicates", 1, "-o", table)
    done(*common, *few, "--engine-option", "fast=true")
    assert json.loads(table.read_text().splitlines()[0])["device"]["options"] == "fast=true"
    done(*common, *few, "--engine-option", "fast=true", "--resume")
    told = run(*common, *few, "--resume").refused("device.options", "'default'", "'fast=true'")
    assert "device.uuid" not in told
