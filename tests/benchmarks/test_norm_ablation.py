"""The ablation of normalisations from its first row to its last, in the smallest possible size."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import typer

from benchmarks.norm_ablation import Way, best_rate, main, summary, ways_of
from detection import Detector, ShapesRecipe, WeightsInfo, save_weights, write_shapes
from searchspaces import parse_arch

ARCH = "detnas-nano:11-11-1111-11"


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """Undo what a script may do: it owns its process."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(threads)


def test_every_row_of_the_table_can_be_run(tmp_path: Path) -> None:
    recipe = ShapesRecipe(num_train=4, num_val=2, image_hw=(64, 64), size_px=(16, 48))
    data = write_shapes(tmp_path / "shapes", recipe)
    space, arch = parse_arch(ARCH, input_hw=(64, 64), num_classes=3)
    detector = Detector(space.detector(arch))
    backbone = save_weights(tmp_path / "b.safetensors", detector, WeightsInfo(space.name, 3))
    main(
        data=data,
        size="64x64",
        norms="bn,gn,gn_ws",
        pretrained=str(backbone),
        epochs=1,
        rates="0.01",
        seeds=1,
        further_steps=1,
        work=tmp_path / "work",
        result=tmp_path / "result.json",
    )
    record = json.loads((tmp_path / "result.json").read_text())
    rows = [(row["norm"], row["steps"], "start" in row) for row in record["rows"]]
    assert rows == [("bn", 2, False), ("gn", 2, False), ("gn_ws", 2, False)] + [
        ("bn", steps, True) for steps in (2, 4)
    ]
    assert record["rates_tried"] == []
    assert set(record["rate"].values()) == {0.01}
    labels = ("bn", "gn", "gn_ws", "bn_pretrained", "bn_pretrained_2x")
    assert {f"ap_{label}" for label in labels} < record["summary"].keys()
    assert {"ap_gn_converted_to_bn", "gain_gn_by_seed"} < record["summary"].keys()
    assert ["ap_after_further_steps" in row for row in record["rows"]] == [False, True, True] + [
        False
    ] * 2


def test_the_best_rate_is_that_of_the_same_way() -> None:
    rows = [
        {"norm": "bn", "rate": 0.1, "ap": 3.0},
        {"norm": "bn", "rate": 0.2, "ap": 2.0},
        {"norm": "bn", "rate": 0.3, "ap": 9.0, "start": "imagenet"},
        {"norm": "gn", "rate": 0.4, "ap": 10.0},
    ]
    assert best_rate(rows, Way("bn"), [7.0]) == 0.1
    assert best_rate(rows, Way("bn", "imagenet"), [7.0]) == 0.3
    assert best_rate(rows, Way("gn_ws"), [7.0]) == 7.0


def test_gains_are_over_bn_from_nothing_seed_by_seed() -> None:
    def row(norm: str, ap: float, **more: object) -> dict[str, object]:
        return {"norm": norm, "steps": 5, "ap": ap, **more}

    rows = [
        *(row("bn", ap) for ap in (10.0, 20.0)),
        *(row("gn_ws", ap, ap_after_conversion=ap / 2) for ap in (30.0, 50.0)),
        row("bn", 80.0, start="imagenet"),
        row("bn", 90.0, start="imagenet", steps=10),
    ]
    found = summary(rows[:4], 5)
    assert (found["ap_bn"], found["ap_gn_ws"]) == (15.0, 40.0)
    assert found["gain_gn_ws_by_seed"] == [20.0, 30.0]
    assert found["ap_gn_ws_converted_to_bn"] == 20.0
    longer = summary([rows[0], *rows[4:]], 5)
    assert longer["gain_bn_pretrained_2x_by_seed"] == [80.0]
    assert "gain_gn_ws_by_seed" not in summary(rows[2:4], 5)


def test_an_unknown_norm_is_refused() -> None:
    assert ways_of("gn", "imagenet") == [Way("gn"), Way("bn", "imagenet")]
    with pytest.raises(typer.BadParameter, match="--norms ln is not of bn, gn, gn_ws"):
        ways_of("bn,ln", None)
