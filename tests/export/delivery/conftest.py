"""A run of three architectures, weights of its members, and what delivers them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from detection import Detector, Supernet, WeightsInfo, save_weights
from export import Delivery, ExportResult, deliver
from latency import Predictor, ProfileConfig, fit, profile, read_table, save_predictor
from search import Constraint, Objective, latency_objective, run_search
from search.objectives.latency import PREDICTOR_FILE
from searchspaces import Architecture, make_space
from tests.export.conftest import FAST, LABELS, OPTIONS
from tests.latency.oracle import QUICK, additive_backend

SPACE = make_space("detnas-nano", **OPTIONS)
BEST, SECOND, _ = CODES = ("22-30-1311-22", "33-01-3200-31", "23-10-0303-30")
"""What the random strategy proposes with seed 0."""
BUDGET_MS = 1000.0
Deliver = Callable[..., ExportResult]
MakeWeights = Callable[..., Path]


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def weights(make_weights: MakeWeights) -> Path:
    return make_weights()


@pytest.fixture(scope="session")
def table_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "t.jsonl"
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=10)
    profile(SPACE, additive_backend(), config, path, space_options=OPTIONS)
    return path


@pytest.fixture(scope="session")
def predictor(table_path: Path) -> Predictor:
    """Of a simulated device that says it is onnxruntime."""
    fitted = fit(read_table(table_path))
    device = replace(fitted.manifest.device, engine="onnxruntime")
    return replace(fitted, manifest=replace(fitted.manifest, device=device))


@pytest.fixture(scope="session")
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
