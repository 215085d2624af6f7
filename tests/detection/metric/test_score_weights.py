import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from detection.data.layout import open_split
from detection.data.preprocess import Preprocess
from detection.detector import Detector
from detection.errors import BuildError, DatasetError, MetricError
from detection.metric.coco_ap import CocoReport
from detection.metric.score import detect_with, score_detector
from detection.metric.score_weights import score_weights
from detection.metric.voc_ap import VocReport, evaluate_voc
from detection.weights import WeightsInfo, save_weights
from searchspaces import parse_arch
from tests.detection.data.trees import voc_0712, write_bdd

CODE, OPTIONS = "01-23-0000-00", {"num_classes": 10, "input_hw": [64, 64]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Detector, Path, WeightsInfo]:
    space, arch = parse_arch(f"detnas-nano:{CODE}", num_classes=10, input_hw=(64, 64))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        detector = Detector(space.detector(arch))
    info = WeightsInfo("detnas-nano", 10, CODE, OPTIONS)
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_weights(path, detector, info)
    return detector, path, info


def test_both_metrics_score_the_same_detections(trained, tmp_path: Path) -> None:
    detector, weights, _ = trained
    write_bdd(tmp_path)
    dataset = open_split(tmp_path, "val", Preprocess((64, 64)))
    coco = score_weights(weights, tmp_path, batch_size=2)
    assert isinstance(coco.report, CocoReport)
    np.testing.assert_array_equal(coco.report.numbers, score_detector(detector, dataset).numbers)
    voc = score_weights(weights, tmp_path, "val", metric="voc")
    assert isinstance(voc.report, VocReport)
    expected = evaluate_voc(dataset.annotations, detect_with(detector, dataset))
    assert voc.report.to_dict() == expected.to_dict()
    for score in (coco, voc):
        fields = json.loads(json.dumps(score.to_dict(), allow_nan=False))
        assert fields["architecture"] == f"detnas-nano:{CODE}"
        assert [row["class"] for row in score.rows()][:2] == ["all", "pedestrian"]
        assert len(score.rows()) == 11


def test_other_classes_and_other_weights_are_refused(trained, tmp_path: Path) -> None:
    detector, weights, info = trained
    voc_0712(tmp_path / "voc")
    with pytest.raises(DatasetError, match=r"has the 20 classes aeroplane.*learnt 10 classes"):
        score_weights(weights, tmp_path / "voc")
    write_bdd(tmp_path / "bdd")
    named = save_weights(
        tmp_path / "n.safetensors", detector, replace(info, label_names=tuple("abcdefghij"))
    )
    with pytest.raises(DatasetError, match=r"the weights learnt a, b, c, d, e, \.\.\."):
        score_weights(named, tmp_path / "bdd")
    whole = save_weights(tmp_path / "s.safetensors", detector, replace(info, architecture=None))
    with pytest.raises(BuildError, match="the weights of a whole supernet of detnas-nano"):
        score_weights(whole, tmp_path / "bdd")
    foreign = save_weights(tmp_path / "f.safetensors", detector, replace(info, space="mine"))
    with pytest.raises(BuildError, match="cannot build its detector"):
        score_weights(foreign, tmp_path / "bdd")
    with pytest.raises(MetricError, match="unknown metric 'ap'; known: coco, voc"):
        score_weights(weights, tmp_path / "bdd", metric="ap")
