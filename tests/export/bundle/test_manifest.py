import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from export import (
    BundleError,
    BundleFilesError,
    Certificate,
    GateLimits,
    Manifest,
    Platform,
    VerificationError,
)
from export.bundle.integrity import check_file_name
from export.bundle.manifest import is_manifest


def edited(manifest: Manifest, edit: Callable[[dict[str, Any]], object]) -> bytes:
    values = json.loads(manifest.to_bytes())
    edit(values)
    return json.dumps(values).encode()


def certificate(manifest: Manifest) -> Certificate:
    assert manifest.accuracy
    assert manifest.parity
    return Certificate(
        platform=Platform("onnxruntime", "1.2.3", "riscv64"),
        device={"name": "Board", "clocks_mhz": {"cpu": 1500.0}},
        data="data val",
        accuracy=manifest.accuracy,
        parity=manifest.parity,
        measured=None,
        verdict=manifest.verdict,
        created="2026-02-03T04:05:06+00:00",
        detfit_version="0.1.0",
    )


def test_reads_back_what_it_wrote(manifest: Manifest) -> None:
    content = manifest.to_bytes()
    again = Manifest.from_bytes(content)
    assert again == manifest
    assert again.to_bytes() == content
    assert json.loads(content)["verdict"]["outcome"] == "PASS"
    assert is_manifest(content)


def test_certificates_are_read_back(manifest: Manifest) -> None:
    more = replace(manifest, certificates=(certificate(manifest),))
    content = more.to_bytes()
    assert Manifest.from_bytes(content) == more
    assert [p.machine for p in more.platforms] == [manifest.engine.machine, "riscv64"]
    assert json.loads(content)["certificates"][0]["verdict"]["outcome"] == "PASS"
    old = edited(manifest, lambda v: v.pop("certificates"))
    assert Manifest.from_bytes(old) == manifest, "bundles from before there were certificates"


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda c: c.update(nice=1), "certificates.0.nice"),
        (lambda c: c["platform"].update(gpu=1), "certificates.0.platform.gpu"),
        (lambda c: c["verdict"].update(outcome="FAIL"), "its checks make 'PASS'"),
        (lambda c: c.pop("verdict"), "outcome is missing"),
    ],
)
def test_a_certificate_that_is_none_is_refused(
    manifest: Manifest, edit: Callable[[dict[str, Any]], object], match: str
) -> None:
    more = replace(manifest, certificates=(certificate(manifest),))
    with pytest.raises(BundleError, match=match):
        Manifest.from_bytes(edited(more, lambda v: edit(v["certificates"][0])))


def test_everything_optional_may_be_missing(manifest: Manifest) -> None:
    bare = replace(manifest, predicted=None, measured=None, accuracy=None, parity=None)
    assert Manifest.from_bytes(bare.to_bytes()) == bare


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (lambda v: v.update(schema="other"), "not that of a bundle"),
        (lambda v: v.pop("schema"), "not that of a bundle"),
        (lambda v: v.update(schema_version=2), "schema version 2 .* is unknown"),
        (lambda v: v.update(schema_version=True), "is unknown"),
        (lambda v: v.update(extra=1), "extra"),
        (lambda v: v.pop("engine"), "engine: Field required"),
        (lambda v: v["engine"].update(threads="one"), "engine.threads"),
        (lambda v: v["engine"].update(nice=1), "engine.nice"),
        (lambda v: v.update(num_classes="3"), "num_classes"),
        (lambda v: v["measured"].update(median_ms=float("nan")), "NaN is no finite number"),
        (lambda v: v["measured"].update(median_ms="6"), "measured.median_ms"),
        (lambda v: v["verdict"].pop("outcome"), "outcome is missing"),
        (lambda v: v["verdict"].update(outcome="FAIL"), "its checks make 'PASS'"),
        (lambda v: v["verdict"]["checks"][0].update(outcome="FAIL"), "its checks make 'FAIL'"),
        (lambda v: v["verdict"]["checks"][0].update(outcome="MAYBE"), "verdict.checks.0.outcome"),
    ],
)
def test_refuses(manifest: Manifest, edit: Callable[[dict[str, Any]], object], match: str) -> None:
    with pytest.raises(BundleError, match=match):
        Manifest.from_bytes(edited(manifest, edit))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_ap_drop", float("inf")),
        ("max_ap_drop", -0.1),
        ("min_matched", 1.1),
        ("prediction_tolerance", float("nan")),
        ("budget_ms", 0.0),
        ("budget_ms", float("nan")),
    ],
)
def test_limits_out_of_range_are_refused(manifest: Manifest, name: str, value: float) -> None:
    with pytest.raises(VerificationError, match=name):
        GateLimits(**{name: value})
    with pytest.raises(BundleError, match=r"limits|no finite number"):
        Manifest.from_bytes(edited(manifest, lambda v: v["limits"].update({name: value})))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_refuses_what_is_no_json_object(content: bytes) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Manifest.from_bytes(content)
    assert not is_manifest(content)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        "",
        "a\\b",
        "C:x",
        "C:\\x",
        "..\\x",
        "a\0b",
        "a\nb",
    ],
)
def test_refuses_names_that_leave_the_folder(manifest: Manifest, name: str) -> None:
    with pytest.raises(BundleFilesError, match="not a plain name"):
        Manifest.from_bytes(edited(manifest, lambda v: v["files"].update({name: "0" * 64})))
    with pytest.raises(BundleFilesError):
        Manifest.from_bytes(edited(manifest, lambda v: v["engine"].update(file=name)))


def test_the_engine_file_is_among_the_files(manifest: Manifest) -> None:
    with pytest.raises(BundleFilesError, match="not among the files"):
        Manifest.from_bytes(edited(manifest, lambda v: v["engine"].update(file="engine.plan")))


@given(st.text(alphabet=st.characters(categories=("L", "N")), min_size=5))
def test_plain_names_pass(name: str) -> None:
    check_file_name(name)


@given(st.text(), st.sampled_from("/\\:"), st.text())
def test_separators_never_pass(head: str, separator: str, tail: str) -> None:
    with pytest.raises(BundleFilesError):
        check_file_name(head + separator + tail)
