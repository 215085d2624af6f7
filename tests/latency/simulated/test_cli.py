"""The command line predicts for simulated devices and says so."""

import pytest

from tests.cli import done, run


def test_json_rows_are_labelled() -> None:
    archs = ("zoo:E2", "zoo:CascadeRCNN-R50-FPN")
    common = ("predict", "-t", "simulated:V100", "--precision", "fp32", "--input", "800x600")
    rows = done(*common, *archs, "--json").fields
    assert [row["arch"] for row in rows] == list(archs)
    assert all(row["simulated"] is True and row["input_hw"] == [600, 800] for row in rows)
    assert all(row["lo_ms"] < row["p50_ms"] < row["hi_ms"] for row in rows)


def test_larger_batches_take_longer() -> None:
    common = ("predict", "-t", "simulated:V100", "--input", "320x320", "zoo:E2", "--json")
    (one,) = done(*common).fields
    (eight,) = done(*common, "--batch", 8).fields
    assert (one["batch"], eight["batch"]) == (1, 8)
    assert one["p50_ms"] < eight["p50_ms"] < 8 * one["p50_ms"]


@pytest.mark.parametrize("archs", [("zoo:E0",), ("zoo:E0", "zoo:E2")])
def test_the_text_is_labelled(archs: tuple[str, ...]) -> None:
    out = done("predict", "-t", "simulated:T4:tensorrt", "--precision", "fp16", *archs).out
    assert "simulated" in " ".join(out.split())
    assert all(word in out for word in ("T4", "tensorrt", "fp16"))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("simulated:P100",), ["'P100'", "V100", "Orin"]),
        (("simulated:V100", "--precision", "bf16"), ["bf16", "fp32, fp16, int8"]),
        (("simulated:V100:tvm",), ["tvm", "pytorch, tensorrt"]),
        (("simulated:V100", "--input", "big"), ["WIDTHxHEIGHT"]),
        (("simulated:V100", "--confidence", 1), ["between 0 and 1"]),
        (("cpu.json", "--precision", "fp32"), ["simulated:V100"]),
        (("cpu.json", "--input", "800x600"), ["simulated:V100"]),
    ],
)
def test_misuse(args: tuple[object, ...], words: list[str]) -> None:
    run("predict", "zoo:E0", "-t", *args).refused(*words)
