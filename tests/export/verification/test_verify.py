import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detection import CheckpointError, Detector, WeightsInfo, load_weights, save_weights
from engines import Measurement, TimingProtocol
from export import (
    BundleTamperedError,
    ExportRequest,
    ExportResult,
    GateLimits,
    Outcome,
    VerificationError,
    export_detector,
    load_bundle,
    load_detector,
    origin_of,
    verify_bundle,
    write_bundle,
)
from export.records.engine import Origin
from export.running.network import weights_info


def outcomes(report: Any) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in report.verdict.checks}


def test_a_good_bundle_passes_again(exported: ExportResult, data_folder: Path) -> None:
    report = verify_bundle(exported.bundle.path, data_folder, latency=False)
    assert report.verdict.outcome is Outcome.PASS, report.verdict.reasons
    assert outcomes(report)["budget"] is Outcome.NOT_JUDGED
    assert report.measured is None
    assert report.images == 4
    assert report.accuracy.row("AP").torch == pytest.approx(
        exported.bundle.manifest.accuracy.row("AP").torch  # type: ignore[union-attr]
    )


def test_latency_is_measured_by_the_bundle_s_own_protocol(
    exported: ExportResult, data_folder: Path
) -> None:
    report = verify_bundle(exported.bundle, data_folder, limit=1)
    assert report.measurement is not None
    stored = json.loads((exported.bundle.path / "measurement.json").read_bytes())
    assert report.measurement.protocol == Measurement.from_dict(stored).protocol
    assert report.measurement.protocol != TimingProtocol()
    assert outcomes(report)["budget"] is Outcome.PASS
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_limits_may_be_others(exported: ExportResult, data_folder: Path) -> None:
    limits = GateLimits(budget_ms=1e-3)
    report = verify_bundle(exported.bundle, data_folder, limit=1, limits=limits)
    assert report.verdict.outcome is Outcome.FAIL
    assert outcomes(report)["budget"] is Outcome.FAIL


def test_stale_weights_fail(
    exported: ExportResult,
    data_folder: Path,
    tmp_path: Path,
    make_detector: Callable[..., Detector],
) -> None:
    """An engine of other weights than the torch model's is what parity is there for."""
    import torch

    bundle = exported.bundle
    other = make_detector()
    with torch.no_grad():
        for value in other.parameters():
            value.mul_(1.05)
    weights = save_weights(
        tmp_path / "w.safetensors", other, weights_info(bundle.manifest.origin, bundle.labels)
    )
    files = {name: bundle.path / name for name in bundle.manifest.files}
    stale = write_bundle(
        tmp_path / "stale", bundle.manifest, files | {"weights.safetensors": weights}
    )
    report = verify_bundle(stale, data_folder, latency=False)
    assert report.verdict.outcome is Outcome.FAIL
    assert outcomes(report)["parity"] is Outcome.FAIL
    assert report.parity.orphans


def test_real_photographs_of_other_classes(exported: ExportResult, coco80: Path) -> None:
    report = verify_bundle(exported.bundle, coco80, "val2017", limit=8, latency=False)
    assert outcomes(report)["parity"] is Outcome.PASS
    assert report.parity.matched_fraction >= 0.99
    assert outcomes(report)["accuracy"] is Outcome.INCONCLUSIVE
    assert "share no class" in " ".join(report.verdict.reasons)
    assert report.verdict.outcome is Outcome.INCONCLUSIVE


def test_a_damaged_bundle_is_not_verified(bundle_folder: Path, data_folder: Path) -> None:
    (bundle_folder / "model.onnx").write_bytes(b"x")
    with pytest.raises(BundleTamperedError):
        verify_bundle(bundle_folder, data_folder)


def test_a_detector_is_built_again(exported: ExportResult, detector: Detector) -> None:
    bundle = load_bundle(exported.bundle.path)
    again = load_detector(bundle.manifest.origin, bundle.weights_path)
    assert again.spec == detector.spec
    for name, value in detector.state_dict().items():
        assert again.state_dict()[name].equal(value), name


@pytest.mark.parametrize("arch", ["no-such-space:00", "detnas-nano:99", "nonsense"])
def test_an_unknown_architecture_is_refused(exported: ExportResult, arch: str) -> None:
    with pytest.raises(VerificationError, match="cannot build"):
        load_detector(Origin(arch), exported.bundle.weights_path)


def test_weights_of_another_network_are_refused(exported: ExportResult) -> None:
    origin = Origin(exported.bundle.manifest.origin.arch, {"head": "fpn", "num_classes": 3})
    with pytest.raises(CheckpointError):
        load_detector(origin, exported.bundle.weights_path)


def test_the_weights_file_tells_the_origin(exported: ExportResult, detector: Detector) -> None:
    info = load_weights(exported.bundle.weights_path, detector)
    origin = exported.bundle.manifest.origin
    assert info.label_names == exported.bundle.labels
    again = origin_of(info)
    assert (again.arch, dict(again.options), again.seed) == (
        origin.arch,
        dict(origin.options),
        origin.seed,
    )


def test_the_seed_of_a_training_run_is_found() -> None:
    info = WeightsInfo("detnas-nano", 3, "00", {"input_hw": [64, 64]}, (), {"config": {"seed": 3}})
    assert origin_of(info) == Origin("detnas-nano:00", {"input_hw": (64, 64)}, 3)
    assert origin_of(WeightsInfo("detnas-nano", 3, "00")).seed is None


def test_a_supernet_is_no_origin() -> None:
    with pytest.raises(VerificationError, match="supernet"):
        origin_of(WeightsInfo("detnas-nano", 3))


def test_the_torch_model_is_run_as_its_weights_say(
    export_request: ExportRequest, data_folder: Path, tmp_path: Path
) -> None:
    """Trained otherwise, described so: good. Described otherwise than trained: a fault."""
    bgr = replace(export_request.preprocess, channel_order="BGR", pad_value=0.5)
    good = export_detector(replace(export_request, preprocess=bgr), tmp_path / "good").bundle
    report = verify_bundle(good, data_folder, latency=False)
    assert outcomes(report)["pipeline"] is Outcome.PASS
    assert outcomes(report)["parity"] is Outcome.PASS
    rgb = json.dumps(export_request.preprocess.to_json()).encode()
    files = {name: good.path / name for name in good.manifest.files}
    bad = write_bundle(tmp_path / "bad", good.manifest, files | {"preprocess.json": rgb})
    report = verify_bundle(bad, data_folder, latency=False)
    assert outcomes(report)["pipeline"] is Outcome.FAIL
    assert outcomes(report)["parity"] is Outcome.FAIL
