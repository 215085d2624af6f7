from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines import COLD, WARM
from latency import (
    DETECTOR,
    FixedAgenda,
    PredictorError,
    ProfileError,
    Workload,
    describe_transfer,
    evaluate,
    fit,
    load_predictor,
    open_source,
    plan_profile,
    save_predictor,
    transfer,
    transfer_agenda,
    transfer_config,
)
from tests.latency.oracle import QUICK
from tests.latency.profiling.chosen import SPACE, config_of, made_up, profiled


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


def test_probes_are_of_the_precision_that_is_asked_for(tmp_path):
    source = fit(profiled(tmp_path / "source.jsonl", active=False))
    protocol = replace(QUICK, precision="fp16")
    moved, table = transfer(
        source,
        made_up(3.0),
        tmp_path / "new.jsonl",
        8,
        precision="fp16",
        seconds=QUICK.max_seconds,
        exploratory=True,
        input_sets=0,
    )
    assert moved.manifest.protocol == protocol
    assert {spec.dtype for spec in moved.costs} == {"fp16"}
    (probe, _), *_ = table.detectors()
    detector = SPACE.detector(SPACE.decode(probe.label.partition(":")[2]))
    assert moved.predict(detector).coverage == 1.0
    others = {"protocol": protocol, "modules": False, "detectors": 12, "seed": 9}
    drawn, _ = plan_profile(SPACE, config_of(**others))
    twice = Workload(DETECTOR, probe.label, detector.graph(1, "fp16"))
    agenda = FixedAgenda((twice, *drawn), 1, 0)
    held = profiled(tmp_path / "held.jsonl", agenda, made_up(3.0), **others)
    found = evaluate(moved, held)
    assert (found.left_out, len(found.detectors)) == (1, 12)
    assert found.scores.mape < 1.0


def test_a_transfer_takes_no_cold_caches_from_its_source(predictor):
    manifest = predictor.manifest
    cold = replace(manifest, protocol=replace(manifest.protocol, cache=COLD))
    assert transfer_config(replace(predictor, manifest=cold)).protocol.cache == WARM


def test_probes_are_recorded_as_a_profile_is(predictor, tmp_path):
    config = transfer_config(predictor, images=tmp_path, input_sets=2)
    assert (config.images, config.weights, config.input_sets) == (tmp_path, None, 2)
    with pytest.raises(ProfileError, match="--input-sets 0 records none"):
        transfer_config(predictor, images=tmp_path, input_sets=0)
