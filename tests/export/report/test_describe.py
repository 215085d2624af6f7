import json
from pathlib import Path

import pytest

from export import BundleTamperedError, ExportResult, describe_bundle
from tests.export.bundle.test_bundle import FILES, rewrite


def test_a_bundle_at_a_glance(exported: ExportResult) -> None:
    fields = describe_bundle(exported.bundle.path)
    json.dumps(fields, allow_nan=False)
    manifest = exported.bundle.manifest
    assert {row["file"] for row in fields["files"]} == set(FILES)
    assert all(row["bytes"] > 0 for row in fields["files"])
    assert (fields["hashes"], fields["runs_here"]) == ("ok", "yes")
    assert fields["outcome"] == "PASS"
    (certificate,) = fields["certificates"]
    assert certificate["platform"] == str(exported.bundle.platforms[0])
    assert certificate["outcome"] == "PASS"
    assert [row["check"] for row in fields["verdicts"]] == [
        check.name for check in manifest.verdict.checks
    ]
    assert fields["engine"]["name"] == "onnxruntime"
    assert fields["engine"]["version"] == manifest.engine.version
    assert fields["latency_ms"]["budget"] == 60_000.0
    assert fields["latency_ms"]["measured"] == manifest.measured.median_ms  # type: ignore[union-attr]
    assert fields["latency_ms"]["predicted"] is None
    assert [row["name"] for row in fields["latency_ms"]["stages"]] == [
        *("decode", "preprocess", "engine", "postprocess", "total")
    ]
    (ap, *_) = fields["accuracy"]["metrics"]
    assert ap["metric"] == "AP"
    assert ap["drop_ci"][0] <= ap["torch"] - ap["engine"] <= ap["drop_ci"][1]


def test_a_bundle_of_elsewhere_says_why_it_does_not_run(bundle_folder: Path) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(machine="riscv64"))
    assert "riscv64" in describe_bundle(bundle_folder)["runs_here"]
    assert "detfit verify" in describe_bundle(bundle_folder)["runs_here"]


def test_a_damaged_bundle_is_named(bundle_folder: Path) -> None:
    (bundle_folder / "labels.json").write_bytes(b"{}")
    with pytest.raises(BundleTamperedError, match=r"labels\.json"):
        describe_bundle(bundle_folder)
