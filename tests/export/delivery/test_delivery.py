"""From a weights file to a bundle: what belongs together, and which budget counts."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from detection import CheckpointError, Detector, Supernet, WeightsInfo, save_weights
from engines import UnknownEngineError
from export import (
    BundleError,
    Check,
    Delivery,
    ExportResult,
    Outcome,
    VerificationError,
    deliver,
    load_bundle,
    load_detector,
)
from latency import (
    Predictor,
    PredictorError,
    ProfileConfig,
    fit,
    profile,
    read_table,
    save_predictor,
)
from search import Constraint, Objective, RunError, latency_objective, run_search
from search.latency_source import PREDICTOR_FILE
from searchspaces import Architecture, ArchitectureError, make_space
from tests.export.conftest import FAST, LABELS, OPTIONS
from tests.latency.oracle import QUICK, additive_backend

SPACE = make_space("detnas-nano", **OPTIONS)
BEST, SECOND, _ = CODES = ("22-30-1311-22", "33-01-3200-31", "23-10-0303-30")
"""What the random strategy proposes with seed 0."""
BUDGET_MS = 1000.0
Deliver = Callable[..., ExportResult]
MakeWeights = Callable[..., Path]


@pytest.fixture(scope="module")
def make_weights(tmp_path_factory: pytest.TempPathFactory) -> MakeWeights:
    """Write untrained weights, sure enough of themselves to detect something."""

    def make(code: str | None = BEST, **changes: Any) -> Path:
        options = OPTIONS | changes
        space = make_space("detnas-nano", **options)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            module = Detector(space.detector(space.decode(code))) if code else Supernet(space)
            with torch.no_grad():
                for name, value in module.named_parameters():
                    if "classes" in name or "cls" in name:
                        value.copy_(torch.randn_like(value) * 0.3)
        info = WeightsInfo(
            space="detnas-nano",
            num_classes=options["num_classes"],
            architecture=code,
            space_options=json.loads(json.dumps(options)),
            label_names=LABELS if options["num_classes"] == 3 else (),
            notes={"config": {"seed": 7}},
        )
        return save_weights(tmp_path_factory.mktemp("weights") / "w.safetensors", module, info)

    return make


@pytest.fixture(scope="module")
def weights(make_weights: MakeWeights) -> Path:
    return make_weights()


@pytest.fixture(scope="module")
def table_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "t.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=10)
    profile(SPACE, additive_backend(), config, path, space_options=OPTIONS)
    return path


@pytest.fixture(scope="module")
def predictor(table_path: Path) -> Predictor:
    """Of a simulated device that says it is onnxruntime."""
    fitted = fit(read_table(table_path))
    device = replace(fitted.manifest.device, engine="onnxruntime")
    return replace(fitted, manifest=replace(fitted.manifest, device=device))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, predictor: Predictor) -> Path:
    """A run of three architectures under a budget; `BEST` is its best."""
    return write_run(tmp_path_factory.mktemp("runs") / "run", predictor)


def write_run(folder: Path, predictor: Predictor, fail: bool = False) -> Path:
    class Judge:
        def evaluate(self, arch: Architecture, budget: object = None) -> dict[str, float]:
            if fail:
                raise ValueError("no")
            return {"ap": 9.0 if SPACE.encode(arch) == BEST else 1.0}

    result = run_search(
        SPACE,
        "random",
        Judge(),
        (latency_objective(predictor, SPACE), Objective("ap", "max", "AP")),
        (Constraint("latency_ms", BUDGET_MS),),
        evals=3,
        out_dir=folder,
        space_options=OPTIONS,
    )
    assert sorted(e.code for e in result.history) == sorted(CODES)
    save_predictor(folder / PREDICTOR_FILE, predictor)
    return folder


@pytest.fixture
def send(tmp_path: Path, weights: Path) -> Deliver:
    """Deliver into a new folder; keyword arguments replace what is usual."""

    def send_(target: str | Path, **changes: Any) -> ExportResult:
        usual: dict[str, Any] = {"weights": weights, "protocol": FAST}
        return deliver(Delivery(target=str(target), **usual | changes), tmp_path / "bundle")

    return send_


def check(result: ExportResult, name: str) -> Check:
    (found,) = [each for each in result.verdict.checks if each.name == name]
    return found


def test_the_best_of_a_run(send: Deliver, run: Path, data_folder: Path, weights: Path) -> None:
    result = send(run, data_dir=data_folder, commands=("detfit export run",))
    manifest = load_bundle(result.bundle.path).manifest
    assert manifest.origin.arch == f"detnas-nano:{BEST}"
    assert manifest.origin.seed == 7
    assert manifest.origin.commands == ("detfit export run",)
    assert manifest.limits.budget_ms == BUDGET_MS
    assert check(result, "budget").outcome is Outcome.PASS
    assert result.report is not None
    assert result.report.parity.matched_fraction > 0.9  # untrained: some scores nearly tie
    assert manifest.predicted is not None
    assert manifest.predicted.p50_ms > 1.0  # the simulated device's, not this machine's
    again = load_detector(manifest.origin, result.bundle.weights_path)
    mine = load_detector(manifest.origin, weights)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for a, b in zip(again(images), mine(images), strict=True):
            assert torch.equal(a, b)


def test_the_report_shows_the_front_with_the_choice(send: Deliver, run: Path) -> None:
    page = send(run).bundle.report_path.read_text()
    for code in CODES:
        assert code in page


def test_any_member_of_a_run_may_be_exported(
    send: Deliver, run: Path, make_weights: MakeWeights
) -> None:
    result = send(run, weights=make_weights(SECOND))
    assert result.bundle.manifest.origin.arch == f"detnas-nano:{SECOND}"


def test_an_explicit_budget_wins_and_an_impossible_one_fails(send: Deliver, run: Path) -> None:
    result = send(run, budget_ms=1e-4)
    assert result.verdict.outcome is Outcome.FAIL
    assert not result.verdict.passed
    assert check(result, "budget").outcome is Outcome.FAIL
    bundle = load_bundle(result.bundle.path)
    assert bundle.manifest.limits.budget_ms == 1e-4
    assert bundle.manifest.verdict.outcome is Outcome.FAIL
    assert "FAIL" in bundle.report_path.read_text()


def test_a_named_architecture_has_no_budget_and_no_prediction(send: Deliver) -> None:
    result = send(f"detnas-nano:{BEST}")
    manifest = result.bundle.manifest
    assert (manifest.limits.budget_ms, manifest.predicted) == (None, None)
    assert check(result, "budget").outcome is Outcome.NOT_JUDGED
    assert check(result, "parity").outcome is Outcome.INCONCLUSIVE  # no data to verify on
    assert not result.verdict.passed


def test_a_predictor_and_a_table_may_be_named(
    send: Deliver, predictor: Predictor, table_path: Path, tmp_path: Path
) -> None:
    save_predictor(tmp_path / "p.json", predictor)
    target, table = f"detnas-nano:{BEST}", read_table(table_path)
    result = send(target, predictor=tmp_path / "p.json", table=table)
    spec = SPACE.detector(SPACE.decode(BEST))
    assert result.bundle.manifest.predicted is not None
    expected = pytest.approx(predictor.predict(spec).p50_ms)
    assert result.bundle.manifest.predicted.p50_ms == expected
    assert table.detectors()[0][0].label in result.bundle.report_path.read_text()


# --- refusals, none of which writes anything


def refused(send: Deliver, tmp_path: Path, target: str | Path, **changes: Any) -> str:
    before = sorted(path.name for path in tmp_path.iterdir())
    errors = (VerificationError, CheckpointError, RunError, ArchitectureError, PredictorError)
    with pytest.raises(errors) as caught:
        send(target, **changes)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert "\n" not in str(caught.value)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_weights_of_another_architecture(send: Deliver, tmp_path: Path, run: Path) -> None:
    message = refused(send, tmp_path, f"detnas-nano:{SECOND}")
    expected = f"the weights are of detnas-nano:{BEST}, which is not what detnas-nano:{SECOND}"
    assert message.startswith(f"VerificationError: {expected} names")


def test_weights_that_no_member_of_the_run_has(
    send: Deliver, tmp_path: Path, run: Path, make_weights: MakeWeights
) -> None:
    message = refused(send, tmp_path, run, weights=make_weights("00-00-0000-00"))
    assert "the weights are of detnas-nano:00-00-0000-00, which is not what" in message


def test_weights_of_another_space(send: Deliver, tmp_path: Path, run: Path) -> None:
    message = refused(send, tmp_path, "detnas-small:" + "0" * 20)
    assert f"the weights are of detnas-nano:{BEST}, which is not what detnas-small:0" in message


@pytest.mark.parametrize("changes", [{"input_hw": (96, 96)}, {"head": "fpn"}, {"num_classes": 2}])
def test_weights_of_a_run_with_other_options(
    send: Deliver, tmp_path: Path, run: Path, make_weights: MakeWeights, changes: dict[str, Any]
) -> None:
    """The same genes in another input size are another detector."""
    message = refused(send, tmp_path, run, weights=make_weights(BEST, **changes))
    assert "give weights trained with the options of the run" in message


def test_weights_of_a_supernet(
    send: Deliver, tmp_path: Path, run: Path, make_weights: MakeWeights
) -> None:
    message = refused(send, tmp_path, run, weights=make_weights(None))
    assert "the weights of a whole supernet of detnas-nano; train one architecture" in message


def test_weights_that_are_not_there(send: Deliver, tmp_path: Path, run: Path) -> None:
    message = refused(send, tmp_path, run, weights=tmp_path / "missing.safetensors")
    assert "no such weights file" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "torch"}, "of onnxruntime fp32, 1 threads, batch 1; the export is of torch"),
        ({"threads": 2}, "the export is of onnxruntime fp32, 2 threads, batch 1"),
        ({"batch": 2}, "the export is of onnxruntime fp32, 1 threads, batch 2"),
        ({"precision": "fp16"}, "the export is of onnxruntime fp16"),
    ],
)
def test_a_predictor_of_something_else(
    send: Deliver, tmp_path: Path, run: Path, changes: dict[str, Any], message: str
) -> None:
    assert message in refused(send, tmp_path, run, **changes)


def test_a_predictor_of_an_engine_built_otherwise(
    send: Deliver, tmp_path: Path, predictor: Predictor
) -> None:
    device = replace(predictor.manifest.device, options="fast=true")
    other = replace(predictor, manifest=replace(predictor.manifest, device=device))
    save_predictor(tmp_path / "p.json", other)
    message = refused(send, tmp_path, f"detnas-nano:{BEST}", predictor=tmp_path / "p.json")
    assert "of onnxruntime with options fast=true, the export with default" in message


def test_a_predictor_that_is_not_there(send: Deliver, tmp_path: Path, run: Path) -> None:
    message = refused(send, tmp_path, run, predictor=tmp_path / "missing.json")
    assert message.startswith("PredictorError: there is no predictor")


def test_a_run_without_results(send: Deliver, tmp_path: Path, predictor: Predictor) -> None:
    failed = write_run(tmp_path / "failed", predictor, fail=True)
    assert "has no result within 1000 ms; 3 evaluations failed" in refused(send, tmp_path, failed)


def test_targets_that_are_nothing(send: Deliver, tmp_path: Path) -> None:
    assert "holds no search run" in refused(send, tmp_path, tmp_path)
    assert "SPACE:CODE as in" in refused(send, tmp_path, tmp_path / "missing")


def test_an_unknown_engine(send: Deliver, run: Path, tmp_path: Path) -> None:
    for target in (f"detnas-nano:{BEST}", run):
        with pytest.raises(UnknownEngineError, match="unknown engine 'onyx'"):
            send(target, engine="onyx")
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_replaced_only_on_request(
    send: Deliver, weights: Path, tmp_path: Path
) -> None:
    first = send(f"detnas-nano:{BEST}")
    with pytest.raises(BundleError, match="is a bundle already; overwrite it with --overwrite"):
        send(f"detnas-nano:{BEST}")
    delivery = Delivery(
        target=f"detnas-nano:{BEST}", weights=weights, protocol=FAST, budget_ms=50.0
    )
    again = deliver(delivery, first.bundle.path, overwrite=True)
    assert again.bundle.manifest.limits.budget_ms == 50.0


def test_classes_without_names_are_numbered(send: Deliver, make_weights: MakeWeights) -> None:
    result = send(f"detnas-nano:{BEST}", weights=make_weights(BEST, num_classes=2))
    assert result.bundle.labels == ("class 0", "class 1")


def test_simulated_times_certify_nothing(
    send: Deliver, tmp_path: Path, weights: Path, run: Path
) -> None:
    for target in (run, f"detnas-nano:{BEST}"):
        message = refused(send, tmp_path, target, predictor=Path("simulated:V100"))
        assert "simulated:V100 is no measured device" in message
        assert "detfit fit" in message


def test_a_run_on_a_simulated_device_needs_a_measured_predictor(
    send: Deliver, tmp_path_factory: pytest.TempPathFactory, run: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(run, tmp_path_factory.mktemp("planned") / "run"))
    config = json.loads((folder / "run.json").read_text())
    config["context"]["simulated"] = {"device": "V100", "note": "nothing was measured"}
    (folder / "run.json").write_text(json.dumps(config))
    message = refused(send, tmp_path, folder)
    assert "was searched on a simulated V100: no latency was measured" in message
    result = send(folder, predictor=run / PREDICTOR_FILE)
    assert result.bundle.manifest.predicted is not None
