from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latency import (
    PredictorError,
    ProfileError,
    describe_transfer,
    evaluate,
    fit,
    load_predictor,
    open_source,
    save_predictor,
    transfer,
    transfer_agenda,
)
from tests.latency.oracle import QUICK
from tests.latency.profiling.chosen import SPACE, made_up, profiled


def test_few_samples_bring_a_predictor_to_another_device(tmp_path):
    source = fit(profiled(tmp_path / "source.jsonl", active=False))
    agenda = transfer_agenda(source, [SPACE], 8, QUICK)
    table = profiled(tmp_path / "new.jsonl", agenda, made_up(3.0), modules=False, detectors=1)
    assert len(table.rows) == 8
    moved = fit(table, source=source)
    held = profiled(
        tmp_path / "held.jsonl", backend=made_up(3.0), modules=False, detectors=12, seed=9
    )
    assert evaluate(moved, held).scores.mape < 1.0
    alone = evaluate(fit(table), held).scores.mape
    assert evaluate(moved, held).scores.mape < alone
    with pytest.raises(ProfileError, match="samples must be at least 5"):
        transfer_agenda(source, [SPACE], 2, QUICK)
    with pytest.raises(PredictorError, match="modules alone"):
        transfer_agenda(replace(source, joint=None), [SPACE], 8, QUICK)


def test_transfer_measures_and_fits(tmp_path):
    source = fit(profiled(tmp_path / "source.jsonl", active=False))
    moved, table = transfer(source, made_up(3.0), tmp_path / "new.jsonl", 8, exploratory=True)
    assert len(table.rows) == len(table.detectors()) == 8
    assert moved.manifest.device.name == "made up x3.0"
    fields = describe_transfer(source, moved, table)
    assert (fields["samples"], fields["failures"]) == (8, [])
    save_predictor(tmp_path / "p.json", moved)
    again = open_source(str(tmp_path / "p.json"), "fp32")
    arch = SPACE.decode("0123012301")
    detector = SPACE.detector(arch)
    assert again.predict(detector).p50_ms == pytest.approx(moved.predict(detector).p50_ms)


def test_a_simulated_device_says_what_few_measurements_do_not(tmp_path):
    source = open_source("simulated:V100", "fp32")  # what the made-up device is made of
    held = profiled(tmp_path / "held.jsonl", modules=False, detectors=12, seed=9)
    errors = []
    for seed in range(5):
        few = profiled(tmp_path / f"{seed}.jsonl", modules=False, detectors=4, seed=seed)
        helped = fit(few, source=source)
        errors.append([evaluate(p, held).scores.mape for p in (helped, fit(few))])
    helped_mape, alone_mape = np.mean(errors, axis=0)
    assert helped_mape < alone_mape
    save_predictor(tmp_path / "p.json", helped)
    assert load_predictor(tmp_path / "p.json") == helped
