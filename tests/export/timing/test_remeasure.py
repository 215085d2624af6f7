"""The latency gate on real engines: how long they take is not asked, only what is made of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from detection import Detector
from engines import CHAINED, FakeBackend, OpenVinoBackend, get_backend
from export import (
    ExportRequest,
    ExportResult,
    GateLimits,
    Manifest,
    ModuleShare,
    Outcome,
    Position,
    PredictedLatency,
    VerificationError,
    export_detector,
    load_bundle,
    verify_bundle,
)
from export.timing.predicted import CLOSURE
from latency import LatencyTable, ProfileConfig, TableMismatchError, fit, profile, read_table
from searchspaces import make_space
from tests.export.conftest import FAST, OPTIONS

SPACE = "detnas-nano"
needed = pytest.mark.skipif(
    OpenVinoBackend().unavailable_reason() is not None, reason="openvino is not installed"
)
ENGINES = ["onnxruntime", pytest.param("openvino", marks=needed)]


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure once: whether the machine is quiet is not asked here."""
    monkeypatch.setattr("export.timing.measuring.ATTEMPTS", 1)
    monkeypatch.setattr("latency.profiling.visit.refusal", lambda measured, reading: None)


@pytest.fixture(scope="module")
def predicted(detector: Detector) -> PredictedLatency:
    """A prediction that no machine keeps: every module takes 0.1 us."""
    shares = [ModuleShare(node.name, node.part, 1e-4) for node in detector.graph.nodes]
    total = 1e-4 * len(shares) + 1e-3
    return PredictedLatency(
        total, 0.9 * total, 1.1 * total, 0.9, 1.0, (*shares, ModuleShare(CLOSURE, "other", 1e-3))
    )


@pytest.fixture(scope="module")
def make_table(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Profile two whole detectors of the space, in a second."""

    def make(engine: str = "onnxruntime", backend: FakeBackend | None = None) -> Path:
        path = tmp_path_factory.mktemp("tables") / f"{engine}.jsonl"
        config = ProfileConfig(
            protocol=FAST,
            detectors=2,
            modules=False,
            replicates=1,
            input_sets=0,
            exploratory=True,
        )
        space = make_space(SPACE, **OPTIONS)
        profile(space, backend or get_backend(engine), config, path, space_options=OPTIONS)
        return path

    return make


@pytest.mark.parametrize("engine", ENGINES)
def test_a_miss_is_reported_by_module(
    export_request: ExportRequest, predicted: PredictedLatency, tmp_path: Path, engine: str
) -> None:
    request = replace(export_request, engine=engine, predicted=predicted, limit=1)
    result = export_detector(request, tmp_path / "bundle")
    report = result.bundle.manifest.latency
    assert report is not None
    assert (report.position, report.budget_on, report.note) == (Position.SLOWER, "p50", "")
    found = report.attribution
    assert found is not None
    modules = {share.name for share in predicted.breakdown}
    assert {gap.name for gap in found.modules} == modules
    assert found.measured_ms == pytest.approx(report.comparable_ms)
    assert found.predicted_ms == pytest.approx(predicted.p50_ms)
    seen = [gap for gap in found.modules if gap.seen and gap.name != CLOSURE]
    assert len(seen) >= 0.9 * (len(modules) - 1)
    by_name = {gap.name: gap for gap in found.modules}
    assert by_name[CLOSURE].measured_ms < 0.6 * found.measured_ms
    (check,) = (c for c in result.verdict.checks if c.name == "prediction")
    assert check.outcome is Outcome.FAIL
    assert f"the largest errors are {found.modules[0].name}" in check.reason
    fields = result.to_dict()
    assert fields["latency"]["attribution"]["modules"][0]["name"] == found.modules[0].name
    json.dumps(fields, allow_nan=False)


def test_stages_and_photographs_are_in_the_manifest(exported: ExportResult) -> None:
    manifest = Manifest.from_bytes((exported.bundle.path / "manifest.json").read_bytes())
    assert manifest.latency is not None
    assert manifest.measured is not None
    found = manifest.latency.end_to_end
    assert found is not None
    assert (found.images, found.batch) == (4, 1)
    assert [stage.name for stage in found.stages] == [
        "decode",
        "preprocess",
        "engine",
        "postprocess",
    ]
    assert found.total.p50_ms >= max(stage.p50_ms for stage in found.stages) > 0
    assert manifest.measured.images == 4
    assert manifest.measured.sentinel_ms is not None
    assert manifest.latency.attribution is None  # nothing was predicted
    assert manifest.latency.comparable_ms == manifest.measured.median_ms


@pytest.mark.parametrize("budget_on", ["p50", "p99"])
def test_over_budget_never_leaves_export_as_a_pass(
    export_request: ExportRequest, tmp_path: Path, budget_on: str
) -> None:
    limits = GateLimits(budget_ms=1e-3, budget_on=budget_on)
    request = replace(export_request, limits=limits, data_dir=None)
    result = export_detector(request, tmp_path / "bundle")
    assert result.verdict.outcome is Outcome.FAIL
    (check,) = (c for c in result.verdict.checks if c.name == "budget")
    assert (check.outcome, f"({budget_on};" in check.reason) == (Outcome.FAIL, True)
    kept = load_bundle(result.bundle.path).manifest
    assert kept.limits.budget_on == budget_on
    if budget_on == "p99":
        assert kept.measured is not None
        assert kept.measured.n >= 368


@pytest.mark.parametrize(
    "engine", ["onnxruntime", pytest.param("openvino", marks=[needed, pytest.mark.slow])]
)
def test_a_bundle_s_latency_is_fed_back_into_its_table(
    export_request: ExportRequest,
    exported: ExportResult,
    make_table: Callable[..., Path],
    data_folder: Path,
    tmp_path: Path,
    engine: str,
) -> None:
    path = make_table(engine)
    before = read_table(path)
    bundle = exported.bundle
    if engine != "onnxruntime":
        request = replace(export_request, engine=engine, limit=1)
        bundle = export_detector(request, tmp_path / "bundle").bundle
    report = verify_bundle(bundle, data_folder, limit=2, record=path)
    assert report.not_recorded == ""
    assert report.recorded is not None
    after = read_table(path)
    assert (report.recorded.label, report.recorded.detectors) == (
        bundle.manifest.origin.arch,
        len(after.detectors()),
    )
    assert after.rows[:-1] == before.rows
    row = after.rows[-1]
    assert row.measurement is not None
    assert row.measurement.protocol == replace(before.protocol, cache=CHAINED)
    assert row.measurement.inputs == 2
    assert row.sentinel_ms is not None
    assert row.workload.graph == bundle_graph(bundle.manifest)
    assert "2 inputs from" in after.manifest.notes[-1]
    predictor = fit(after)
    assert row.workload.key in predictor.calibrated_on
    assert report.to_dict()["recorded"]["table"] == str(path)


def bundle_graph(manifest: Manifest) -> object:
    space = make_space(SPACE, **OPTIONS)
    arch = space.decode(manifest.origin.arch.partition(":")[2])
    return space.detector(arch).graph()


def test_a_table_of_something_else_is_refused_before_anything_is_compared(
    exported: ExportResult, make_table: Callable[..., Path], data_folder: Path
) -> None:
    foreign = FakeBackend(latency_ms=lambda model: 1.0, device_name="another")
    path = make_table("fake", foreign)
    content = path.read_bytes()
    told: list[str] = []
    with pytest.raises(
        TableMismatchError, match="this engine's latency cannot be written"
    ) as error:
        verify_bundle(
            exported.bundle,
            data_folder,
            record=path,
            progress=lambda message, done, total: told.append(message),
        )
    assert {"device.name", "device.engine"} <= set(error.value.fields)
    assert (path.read_bytes(), told) == (content, [])
    with pytest.raises(VerificationError, match="leave --no-latency out"):
        verify_bundle(exported.bundle, data_folder, latency=False, record=path)


def test_what_was_found_out_is_kept_where_the_table_cannot_be_written(
    exported: ExportResult,
    make_table: Callable[..., Path],
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from latency import TableError

    def busy(*args: object) -> LatencyTable:
        raise TableError("being written by another process")

    monkeypatch.setattr("export.timing.feedback.feed_back", busy)
    report = verify_bundle(exported.bundle, data_folder, limit=1, record=make_table())
    assert report.recorded is None
    assert report.not_recorded == "being written by another process"
    assert report.verdict.checks
