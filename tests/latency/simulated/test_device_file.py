"""Specification files: what ships is whole, what is wrong is refused by field."""

import json
from pathlib import Path
from typing import Any

import pytest

from latency import (
    PredictorError,
    get_simulated_device,
    make_simulated,
    read_simulated_device,
    simulated_devices,
)
from latency.simulated.device_file import FOLDER

FILES = sorted(FOLDER.glob("*.json"))
V100 = FOLDER / "v100.json"


def test_the_devices_that_are_promised_ship() -> None:
    assert {"V100", "V100-PCIE", "T4", "A100", "H100", "H200", "Orin", "CPU"} <= set(
        simulated_devices()
    )
    assert len(simulated_devices()) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_figure_of_a_file_names_its_source(path: Path) -> None:
    device = read_simulated_device(path)
    fields = json.loads(path.read_text())
    figures = [
        *fields["peak_tflops"].values(),
        *fields["launch_us"].values(),
        *(value for value in fields.values() if isinstance(value, dict) and "value" in value),
    ]
    assert len(figures) >= 10
    assert all(len(figure["source"]) >= 6 for figure in figures)
    assert len(device.estimated) == sum(figure.get("estimated", False) for figure in figures)


def test_peaks_do_not_fall_with_narrower_types() -> None:
    for name in simulated_devices():
        peaks = get_simulated_device(name).peak_tflops
        assert peaks["fp32"].value <= peaks["fp16"].value
        assert "tf32" not in peaks or peaks["fp32"].value <= peaks["tf32"].value


def test_names_and_aliases_are_distinct_and_found_in_any_case() -> None:
    devices = [read_simulated_device(path) for path in FILES]
    names = [name.lower() for device in devices for name in (device.name, *device.aliases)]
    assert len(names) == len(set(names))
    assert get_simulated_device("v100-sxm2-32GB").name == "V100"


def test_an_unknown_device_lists_the_known() -> None:
    with pytest.raises(PredictorError, match=r"'P100'; known: A100, .*CPU, .*V100.*\.json"):
        get_simulated_device("P100")


def edited(tmp_path: Path, **changes: Any) -> Path:
    fields = json.loads(V100.read_text()) | changes
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({k: v for k, v in fields.items() if v is not None}))
    return path


def test_a_file_of_ones_own_is_taken(tmp_path: Path) -> None:
    path = edited(tmp_path, name="Mine", bandwidth_gb_s={"value": 450, "source": "measured here"})
    predictor = make_simulated(f"simulated:{path}:tensorrt", "fp16")
    assert (predictor.device.name, predictor.engine) == ("Mine", "tensorrt")
    assert predictor.device.bandwidth_gb_s.value == 450.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "detfit.simulated-device/9"}, "schema 'detfit.simulated-device/9' is not"),
        ({"schema": None}, "schema None"),
        ({"clock_mhz": None}, "clock_mhz: .*[Rr]equired|clock_mhz: .*Missing"),
        ({"colour": "green"}, "colour: "),
        ({"clock_mhz": {"value": "1530", "source": "text"}}, r"clock_mhz\.value: "),
        ({"clock_mhz": {"value": 0, "source": "data sheet"}}, "clock_mhz: .*above 0, got 0"),
        ({"clock_mhz": {"value": 1530, "source": " "}}, "clock_mhz: .*names no source"),
        ({"clock_mhz": {"value": 1530}}, r"clock_mhz\.source: "),
        ({"peak_tflops": {"fp32": {"value": 1, "source": "x"}}}, "lacks the peak .*fp16, int8"),
        ({"launch_us": {}}, "launch_us names engines among pytorch, tensorrt, onnxruntime"),
        ({"launch_us": {"tvm": {"value": 1, "source": "x"}}}, "launch_us .*got tvm"),
        ({"peak_tflops": {"bf8": {"value": 1, "source": "x"}}}, "fp32"),
    ],
)
def test_a_wrong_file_is_refused_by_field(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PredictorError, match=message):
        read_simulated_device(edited(tmp_path, **changes))


@pytest.mark.parametrize("text", ["", "{broken", "[1]", "3", "[" * 200_000])
def test_what_is_no_specification_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(PredictorError, match=r"bad\.json"):
        read_simulated_device(path)
    with pytest.raises(PredictorError, match=r"none\.json"):
        read_simulated_device(tmp_path / "none.json")
