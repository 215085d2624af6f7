"""The predictor of a run is read back from its folder."""

from pathlib import Path

import numpy as np
import pytest

from latency import Predictor, PredictorError, make_simulated
from search import JournalError, save_latency, saved_latency
from search.objectives.latency import PREDICTOR_FILE, SIMULATION_FILE
from searchspaces import make_space

SPACE = make_space("detnas-nano", head="retinanet", input_hw=(64, 64), num_classes=3)


def test_a_simulated_one_predicts_the_same_again(tmp_path: Path) -> None:
    detector = SPACE.detector(SPACE.sample(np.random.default_rng(0)))
    for device, precision in (("V100", "fp16"), ("T4", "fp32")):
        known = make_simulated(device, precision)
        save_latency(tmp_path, known)
        again = saved_latency(tmp_path)
        assert again == known
        assert again is not None
        assert again.predict(detector) == known.predict(detector)


def test_a_fitted_one_is_the_one_that_was_saved(tmp_path: Path, predictor: Predictor) -> None:
    save_latency(tmp_path, predictor, "cpu.2")
    assert saved_latency(tmp_path) is None
    again = saved_latency(tmp_path, "latency_ms@cpu.2")
    assert isinstance(again, Predictor)
    assert again.manifest == predictor.manifest


def test_a_cost_that_is_no_latency_has_none(tmp_path: Path) -> None:
    save_latency(tmp_path, make_simulated("V100"))
    assert saved_latency(tmp_path, "macs") is None
    assert saved_latency(tmp_path, "latency_ms@other") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"simulated": true, "device": 3}'])
def test_damage_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / SIMULATION_FILE).write_text(text)
    with pytest.raises(JournalError, match=r"simulated\.json holds no simulated device"):
        saved_latency(tmp_path)
    (tmp_path / PREDICTOR_FILE).write_text(text)
    with pytest.raises(PredictorError):
        saved_latency(tmp_path)
