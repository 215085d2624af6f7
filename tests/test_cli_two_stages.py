"""SM-NAS by commands: structures, picks, blocks of a picked structure, one front of all."""

import json

import pytest

from tests.cli import done, run

PROXY = ("--evaluator", "proxy", "--strategy", "smnas-ea")
STAGE_ONE = ("search", "-t", "simulated:V100", "--space", "smnas-structural", *PROXY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Structures, and the blocks of two of them."""
    folder = tmp_path_factory.mktemp("stages")
    done(*STAGE_ONE, "--evals", 30, "--classes", 3, "-o", folder / "one")
    for name in ("C0", "C2"):
        start = ("--from", f"{folder / 'one'}:{name}/3", "--count", "macs")
        done("search", *start, *PROXY, "--evals", 8, "-o", folder / name)
    return folder


def test_structures_are_picked(folder):
    fields = done("front", folder / "one", "--pick", "C0..C2", "--json").fields
    assert [pick["pick"] for pick in fields["picks"]] == ["C0", "C1", "C2"]
    latencies = [pick["latency_ms"] for pick in fields["picks"]]
    assert latencies == sorted(latencies)
    assert {pick["arch"] for pick in fields["picks"]} <= {row["arch"] for row in fields["front"]}
    assert done("front", folder / "one", "--pick", 3, "--json").fields == fields
    printed = done("front", folder / "one", "--pick", 3).out
    assert all(name in printed for name in ("C0", "C1", "C2", "latency_ms"))
    assert fields["summary"]["pruning"] is True


def test_the_second_stage_stands_on_a_pick(folder):
    picks = done("front", folder / "one", "--pick", 3, "--json").fields["picks"]
    config = json.loads((folder / "C2" / "run.json").read_text())
    structure = picks[2]["arch"].partition(":")[2]
    assert config["space"] == "smnas-modular"
    assert config["space_options"] == {
        "structure": structure,
        "num_classes": 3,
        "norm": "gn_ws",
    }
    assert [goal["name"] for goal in config["objectives"]] == ["macs", "entropy"]
    fields = done("front", folder / "C2", "--json").fields
    assert (fields["evaluated"], fields["complete"]) == (8, True)


def test_one_front_of_all(folder):
    fields = done("front", folder / "C0", folder / "C2", "--json").fields
    assert [each["picks"] for each in fields["by_structure"]] == [["C0"], ["C2"]]
    macs = [row["macs"] for row in fields["front"]]
    assert macs == sorted(macs)
    assert "on_joint_front" in done("front", folder / "C0", folder / "C2").out


def test_correlations(folder):
    fields = done("front", folder / "one", "--correlations", "--json").fields
    told = fields["correlations"]["evaluated"]
    pixels = [e for e in told if (e["factor"], e["objective"]) == ("log2 pixels", "latency_ms")]
    assert pixels[0]["n"] == 30
    assert pixels[0]["spearman"] > 0
    assert pixels[0]["spearman_interval"][0] < pixels[0]["spearman_interval"][1]
    printed = done("front", folder / "one", "--correlations").out
    assert "rho with latency_ms" in printed
    assert "rho with entropy" in printed


def test_misuse_ends_in_one_line(folder, tmp_path):
    one, out = folder / "one", tmp_path / "r"
    run("front", one, "--pick", "C1..C3").refused("C0..C5")
    run("front", one, "--pick", 900).refused("cannot be picked")
    run("front", one, "--pick", 3, "--budget-ms", 5).refused("--budget-ms")
    run("front", one, folder / "C0").refused("other objectives")
    run("front", one, one, "--pick", 3).refused("of one run")
    run("search", "--from", f"{one}:C9", "--count", "macs", *PROXY, "-o", out).refused("C5")
    run("search", "--from", "C0", "--count", "macs", *PROXY, "-o", out).refused("RUN:C3")
    run("search", "--from", f"{one}:C0/3", *PROXY, "-o", out).refused("--count macs")
    run(*STAGE_ONE, "--strategy-option", "audit=2", "-o", out).refused("audit", "[0, 1]")
    run(*STAGE_ONE, "--strategy-option", "nosuch=1", "-o", out).refused("nosuch", "tolerance")
    run("search", "--evals", 3, "--evaluator", "proxy", "-o", out).refused("-t")
    assert not out.exists()
