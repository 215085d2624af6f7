"""Certificates: refused where there is none, added by a verification that passes, then taken."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detection import DatasetError
from export import (
    BundleMachineError,
    BundleRuntimeError,
    ExportError,
    ExportResult,
    Session,
    describe_bundle,
    detect_files,
    load_bundle,
    verify_here,
)
from export.runtime import load
from export.verification.certify import add_certificate, bundle_here, certificate_of
from tests.export.bundle.test_bundle import rewrite

OTHER_MACHINE, OTHER_VERSION = {"machine": "riscv64"}, {"version": "0.7.1"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.effect_noise((90, 60), 90.0).save(path)
    return path


@pytest.mark.parametrize("changes", [OTHER_MACHINE, OTHER_VERSION])
def test_elsewhere_a_passed_verification_certifies(
    bundle_folder: Path, data_folder: Path, photo: Path, changes: dict[str, str]
) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(changes))
    kinds = (BundleMachineError, BundleRuntimeError)
    with pytest.raises(kinds, match="detfit verify"):
        detect_files(bundle_folder, [photo])
    unasked = verify_here(bundle_folder, data_folder, latency=False)
    assert (unasked.certified, unasked.note) == (False, "not asked for; --certify adds it")
    with pytest.raises(kinds):
        load_bundle(bundle_folder)

    added = verify_here(bundle_folder, data_folder, latency=False, certify=True)
    assert (added.certified, added.note) == (True, "added")
    assert added.report.verdict.passed
    json.dumps(added.to_dict(), allow_nan=False)
    bundle = load_bundle(bundle_folder)
    assert len(bundle.platforms) == 2
    assert bundle.manifest.engine.machine == changes.get("machine", bundle.engine.machine)
    (found,) = detect_files(bundle_folder, [photo])
    assert not found.error
    with load(bundle_folder) as detector:
        detector(photo)
    again = verify_here(bundle_folder, data_folder, latency=False, certify=True)
    assert (again.certified, again.note) == (True, "there already")
    assert load_bundle(bundle_folder).manifest == bundle.manifest


def test_the_certificate_is_shown(bundle_folder: Path, data_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(OTHER_MACHINE))
    before = (bundle_folder / "report.html").read_text()
    verify_here(bundle_folder, data_folder, latency=False, certify=True)
    rows = describe_bundle(bundle_folder)["certificates"]
    assert [row["outcome"] for row in rows] == ["PASS", "PASS"]
    assert rows[0]["platform"].endswith("riscv64")
    assert rows[1]["platform"] == str(load_bundle(bundle_folder).platforms[1])
    page = (bundle_folder / "report.html").read_text()
    assert rows[1]["platform"] in page
    assert rows[1]["platform"] not in before.partition('id="certificates"')[2].partition("<h2")[0]
    assert len(page) > len(before)


def test_where_it_is_certified_nothing_is_written(
    bundle_folder: Path, data_folder: Path, exported: ExportResult
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in bundle_folder.iterdir()}
    found = verify_here(bundle_folder, data_folder, latency=False, certify=True)
    assert (found.certified, found.note) == (True, "there already")
    assert {path.name: path.stat().st_mtime_ns for path in bundle_folder.iterdir()} == before
    assert found.report.parity == exported.report.parity  # type: ignore[union-attr]


def test_a_verification_that_fails_certifies_nothing(
    bundle_folder: Path, data_folder: Path
) -> None:
    rewrite(
        bundle_folder,
        lambda v: (v["engine"].update(OTHER_MACHINE), v["limits"].update(max_score_difference=0)),
    )
    refused = verify_here(bundle_folder, data_folder, latency=False, certify=True)
    if refused.report.verdict.passed:
        pytest.skip("torch and engine agree to the last bit here")
    assert not refused.certified
    assert refused.note == f"not given: the verdict is {refused.report.verdict.outcome}"
    assert load_bundle(bundle_folder, check_machine=False).manifest.certificates == ()


def test_promises_of_another_machine_stay_there(exported: ExportResult) -> None:
    bundle = exported.bundle
    assert bundle_here(bundle, "onnxruntime").manifest.limits == bundle.manifest.limits
    elsewhere = replace(bundle.engine, machine="riscv64")
    foreign = replace(
        bundle, engine=elsewhere, manifest=replace(bundle.manifest, engine=elsewhere)
    )
    here = bundle_here(foreign, "onnxruntime")
    assert here.manifest.limits.budget_ms is None
    assert here.manifest.limits.max_ap_drop == bundle.manifest.limits.max_ap_drop
    assert here.engine.machine == bundle.engine.machine
    with pytest.raises(BundleRuntimeError, match="cannot be run by torch"):
        bundle_here(bundle, "torch")


def test_another_engine_gets_a_certificate_of_its_own(
    bundle_folder: Path, data_folder: Path, photo: Path
) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(BundleRuntimeError, match="verified with onnxruntime, not with openvino"):
        load(bundle_folder, engine="openvino")
    added = verify_here(bundle_folder, data_folder, engine="openvino", latency=False, certify=True)
    assert added.platform.engine == "openvino"
    assert added.certified, added.report.verdict.reasons
    with load(bundle_folder, engine="openvino") as detector:
        assert detector.bundle.engine.name == "openvino"
        detector(photo)
    assert load_bundle(bundle_folder).engine.name == "onnxruntime"


def test_a_platform_has_one_certificate(bundle_folder: Path, data_folder: Path) -> None:
    bundle = load_bundle(bundle_folder)
    report = verify_here(bundle_folder, data_folder, latency=False).report
    for version in ("9.9.1", "9.9.1", "9.9.2"):
        engine = replace(bundle.engine, version=version)
        there = replace(bundle, engine=engine)
        bundle = add_certificate(bundle, certificate_of(report, there))
    assert [p.version for p in bundle.platforms[1:]] == ["9.9.1", "9.9.2"]
    assert bundle == load_bundle(bundle_folder)


def test_a_bundle_that_was_damaged_is_not_certified(
    bundle_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError):
        verify_here(bundle_folder, tmp_path, certify=True)
    (bundle_folder / "labels.json").write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"labels\.json"):
        verify_here(bundle_folder, data_folder, certify=True)


def test_unverified_it_runs_all_the_same(bundle_folder: Path, photo: Path) -> None:
    with Session.open(bundle_folder) as session:
        expected = session.detect(Image.open(photo))
    rewrite(bundle_folder, lambda v: v["engine"].update(OTHER_MACHINE | OTHER_VERSION))
    with Session.open(bundle_folder, verified_only=False) as session:
        found = session.detect(Image.open(photo))
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    (result,) = detect_files(bundle_folder, [photo], verified_only=False)
    assert not result.error


def test_a_bundle_reached_by_a_link_is_certified_where_it_is(
    bundle_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(OTHER_MACHINE))
    (tmp_path / "current").symlink_to(bundle_folder)
    found = verify_here(tmp_path / "current", data_folder, latency=False, certify=True)
    assert (found.certified, found.note) == (True, "added")
    assert (tmp_path / "current").is_symlink()
    assert len(load_bundle(bundle_folder).platforms) == 2


def test_where_none_can_be_added_nothing_is_compared(
    bundle_folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(OTHER_MACHINE))
    told: list[str] = []
    monkeypatch.setattr("export.files.os.access", lambda *_, **__: False)
    with pytest.raises(ExportError, match="no permission to write into"):
        verify_here(
            bundle_folder,
            data_folder,
            latency=False,
            certify=True,
            progress=lambda message, *_: told.append(message),
        )
    assert told == []
    assert not verify_here(bundle_folder, data_folder, latency=False).certified
