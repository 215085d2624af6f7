"""What does not belong together is refused in one line, and nothing is written."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detection import CheckpointError
from engines import UnknownEngineError
from export import VerificationError
from latency import Predictor, PredictorError, save_predictor
from search import RunError
from search.objectives.latency import PREDICTOR_FILE
from searchspaces import ArchitectureError
from tests.export.delivery.conftest import BEST, SECOND, Deliver, MakeWeights, write_run


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
