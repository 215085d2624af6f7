"""The weights that a run's supernet lends its best."""

from pathlib import Path

import pytest
import torch

from detection import Detector, load_weights
from search import RunError, SearchResult, choose_finalist, extract_finalist
from search.training.supernet_files import SUPERNET_FILE


def test_the_best_of_a_run_has_the_weights_of_its_supernet(
    finished: SearchResult, shapes: Path, tmp_path: Path
) -> None:
    finalist = choose_finalist(str(finished.folder))
    found = extract_finalist(str(finished.folder), shapes, tmp_path / "w.safetensors")
    assert found.architecture == f"detnas-nano:{finalist.space.encode(finalist.architecture)}"
    detector = Detector(finalist.space.detector(finalist.architecture))
    load_weights(found.weights, detector)
    own = finalist.inherited()
    assert own is not None
    for name, value in own.named_parameters():
        assert torch.equal(detector.get_parameter(name), value)


def test_a_named_path_of_a_supernet(finished: SearchResult, shapes: Path, tmp_path: Path) -> None:
    weights = finished.folder / SUPERNET_FILE
    code = "detnas-nano:33-33-3333-33"
    found = extract_finalist(code, shapes, tmp_path / "w.safetensors", supernet=weights, images=4)
    assert (found.architecture, found.images) == (code, 4)
    with pytest.raises(RunError, match=r"supernet of detnas-nano, detnas-small:\d+ is of"):
        extract_finalist("detnas-small:0", shapes, tmp_path / "x.safetensors", supernet=weights)
    with pytest.raises(RunError, match="is no run; name one that trained a supernet"):
        extract_finalist(code, shapes, tmp_path / "x.safetensors")
    with pytest.raises(RunError, match=r"a budget \(3 ms\) chooses among the results of a run"):
        extract_finalist(code, shapes, tmp_path / "x", supernet=weights, budget_ms=3.0)
    with pytest.raises(RunError, match="no such supernet"):
        extract_finalist(code, shapes, tmp_path / "x.safetensors", supernet=tmp_path / "none")
