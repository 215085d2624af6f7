"""Planted faults against the gate: a few of them here, all of them in the slow run.

`python -m benchmarks.mutation_gate` does the same with trained detectors.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from detection import Detector
from engines import OnnxModel, get_backend
from export import (
    ExportRequest,
    ExportResult,
    Origin,
    Outcome,
    export_detector,
    verify_bundle,
)
from export.comparison.tensors import compare_tensors
from export.gate.tensors import judge_tensors
from searchspaces import IMAGE
from tests.export.conftest import ARCH, OPTIONS
from tests.export.mutations import pooling
from tests.export.mutations.catalogue import CATALOGUE, EQUIVALENT
from tests.export.mutations.mutation import (
    ONE_STAGE,
    RUNGS,
    TWO_STAGE,
    WHERE,
    Equivalent,
    Specimen,
    Workpiece,
)
from tests.export.mutations.planting import failed_rungs, try_mutation

BY_NAME = {mutation.name: mutation for mutation in CATALOGUE}
LEAST_FAULTS = 45
QUICK = (
    "anchors-one-percent",
    "boxes-xywh",
    "fp16-overflow",
    "labels-swapped",
    "described-bgr",
    "suppressed-again",
    "resize-without-antialias",
    "scale-not-undone",
    "stale-graph",
    "ten-detections",
)
"""One of every place where a fault may be, and of every rung."""


def test_the_catalogue_is_one() -> None:
    assert len(BY_NAME) == len(CATALOGUE) >= LEAST_FAULTS
    assert {mutation.where for mutation in CATALOGUE} == set(WHERE)
    for mutation in CATALOGUE:
        assert mutation.rung in RUNGS
        assert mutation.plants
        assert mutation.kinds


def older(detector: Detector) -> Detector:
    """Return the detector as it may have been some steps before."""
    stale = copy.deepcopy(detector)
    with torch.no_grad():
        for value in stale.parameters():
            value.mul_(1.01)
    return stale


@pytest.fixture(scope="module")
def one_stage(exported: ExportResult, detector: Detector, data_folder: Path) -> Specimen:
    return Specimen(ONE_STAGE, exported.bundle, detector, older(detector), data_folder)


@pytest.fixture(scope="module")
def two_stage(
    make_detector: Callable[..., Detector],
    export_request: ExportRequest,
    data_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Specimen:
    detector = make_detector(head="fpn")
    origin = Origin(ARCH, OPTIONS | {"head": "fpn"})
    request = replace(export_request, detector=detector, origin=origin)
    exported = export_detector(request, tmp_path_factory.mktemp("two-stage") / "bundle")
    return Specimen(TWO_STAGE, exported.bundle, detector, older(detector), data_folder)


def test_a_bundle_taken_apart_and_packed_again_passes(one_stage: Specimen, tmp_path: Path) -> None:
    """Without a fault, neither the packing nor a graph that is written anew raises an alarm."""
    work = Workpiece.of(one_stage)
    work.rewrite()
    bundle = work.pack(tmp_path / "bundle")
    report = verify_bundle(bundle, one_stage.data, latency=False, open_session=work.open_session)
    assert failed_rungs(report) == (), report.verdict.reasons


@pytest.mark.parametrize("change", EQUIVALENT, ids=lambda change: change.name)
def test_an_equivalent_change_gives_the_same_numbers(
    change: Equivalent, one_stage: Specimen, two_stage: Specimen
) -> None:
    """Beside the proof: outputs differ by no more than another order of sums makes."""
    work = Workpiece.of(one_stage if ONE_STAGE in change.kinds else two_stage)
    before = work.model.SerializeToString()
    change.plant(work)
    after = work.model.SerializeToString()
    assert before != after
    assert len(change.proof) > 60
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)
    made = []
    for content in (before, after):
        with get_backend("onnxruntime").build(OnnxModel(content, {IMAGE: image})) as engine:
            made.append(engine.run({IMAGE: image}))
    for name, array in made[0].items():
        np.testing.assert_allclose(array, made[1][name], rtol=1e-5, atol=1e-5)


REACHED = {"nothing": Workpiece.rewrite} | {one.name: one.plant for one in pooling.EQUIVALENT}


@pytest.mark.parametrize("name", REACHED)
def test_a_fault_of_levels_is_caught_where_boxes_reach_them(
    name: str, two_stage: Specimen, make_detector: Callable[..., Detector]
) -> None:
    detector = make_detector(head="fpn", input_hw=(160, 192))
    image = np.random.default_rng(0).standard_normal((1, 3, 160, 192), np.float32)
    work = Workpiece.of(replace(two_stage, detector=detector))
    REACHED[name](work)
    content = work.model.SerializeToString()
    tensors = compare_tensors(detector, content, get_backend("onnxruntime"), [image])
    wanted = Outcome.PASS if name == "nothing" else Outcome.FAIL
    assert judge_tensors(tensors, "fp32").outcome is wanted


SQUARE = "boxes-clipped-by-transposed-size"
NO_FAULT_HERE = {
    (ONE_STAGE, SQUARE): "the input is as high as wide",
    (TWO_STAGE, SQUARE): "the input is as high as wide",
    (ONE_STAGE, "batchnorm-not-folded"): "untrained statistics are those of the first day",
    (TWO_STAGE, "batchnorm-not-folded"): "untrained statistics are those of the first day",
    (TWO_STAGE, "level-assignment-coarse"): "in 64x64 pixels no box changes its level",
    (ONE_STAGE, "threshold-in-the-runtime"): "no score is below the threshold",
    (ONE_STAGE, "padding-read"): "the list of detections is full",
}
"""What changes nothing about the small untrained specimens here; `benchmarks.mutation_gate` plants
each of them into trained detectors, where it is caught."""


def test_a_clip_by_the_transposed_size_is_caught_where_the_input_is_not_square(
    one_stage: Specimen, make_detector: Callable[..., Detector]
) -> None:
    detector = make_detector(input_hw=(64, 128))
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 128), np.float32)
    work = Workpiece.of(replace(one_stage, detector=detector))
    outcomes = []
    for plant in (Workpiece.rewrite, BY_NAME[SQUARE].plant):
        plant(work)
        content = work.model.SerializeToString()
        tensors = compare_tensors(detector, content, get_backend("onnxruntime"), [image])
        outcomes.append(judge_tensors(tensors, "fp32").outcome)
    assert outcomes == [Outcome.PASS, Outcome.FAIL]


@pytest.mark.parametrize("mode", ["align_corners", "half_pixel"])
def test_doubling_by_nearest_cells_is_repetition_in_every_mode(mode: str) -> None:
    for cells in range(2, 70):
        x = np.arange(2 * cells)
        exact = x * (cells - 1) / (2 * cells - 1) if mode == "align_corners" else (x - 0.5) / 2
        nearest = np.ceil(exact - 0.5).clip(0, cells - 1)  # round_prefer_floor
        np.testing.assert_array_equal(nearest, x // 2)


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_fault_is_caught(name: str, one_stage: Specimen, tmp_path: Path) -> None:
    mutation = BY_NAME[name]
    trial = try_mutation(mutation, one_stage, tmp_path / "bundle")
    assert trial.caught, trial.reason
    assert mutation.rung in trial.rungs


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("kind", [ONE_STAGE, TWO_STAGE])
def test_every_planted_fault_is_caught(
    kind: str, name: str, one_stage: Specimen, two_stage: Specimen, tmp_path: Path
) -> None:
    mutation = BY_NAME[name]
    if kind not in mutation.kinds:
        return
    specimen = one_stage if kind == ONE_STAGE else two_stage
    trial = try_mutation(mutation, specimen, tmp_path / "bundle")
    if (kind, name) in NO_FAULT_HERE:
        assert (trial.outcome, trial.drop) == ("PASS", 0.0), NO_FAULT_HERE[kind, name]
        return
    assert trial.caught, trial.reason
