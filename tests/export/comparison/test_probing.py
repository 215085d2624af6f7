"""Every module that decodes, selects or pools, and faults that no photograph shows."""

import copy
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from detection import Detector
from engines import BACKENDS, get_backend
from export import detector_to_onnx
from export.comparison.probe_inputs import PROBES
from export.comparison.probing import OUTPUTS_OF_KIND
from export.comparison.tensors import compare_tensors
from export.gate.tensors import PROBE_LIMITS, ProbeRow
from tests.detection.variants import VARIANTS

SIDE = 96
MODULES_OF = {
    "retinanet": {"detections"},
    "faster_rcnn_2fc": {"proposals", "roi_align", "detections"},
    "cascade3": {"proposals", "detections", "refine_1", "refine_2"}
    | {"roi_align", "roi_align_1", "roi_align_2"},
}


def build(variant: str) -> Detector:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        detector = Detector(VARIANTS[variant])
        with torch.no_grad():
            for name, value in detector.named_parameters():
                if "classes" in name or "objectness" in name:
                    value.copy_(torch.randn_like(value) * 0.3)
    return detector.eval()


def probes(detector: Detector, model: onnx.ModelProto, engine: str) -> tuple[ProbeRow, ...]:
    image = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE), np.float32)
    backend = get_backend(engine)
    return compare_tensors(detector, model.SerializeToString(), backend, [image]).probes


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("variant", MODULES_OF)
def test_good_modules_agree_on_any_inputs(variant: str, engine: str) -> None:
    if reason := BACKENDS[engine].unavailable_reason():
        pytest.skip(reason)
    detector = build(variant)
    rows = probes(detector, detector_to_onnx(detector), engine)
    assert {row.name for row in rows} == MODULES_OF[variant]
    assert all(row.agreement == pytest.approx(1.0, abs=1e-6) for row in rows), rows
    cases = {row.case for row in rows if row.name == "detections"}
    assert cases == {"many", "few", "no"}


@pytest.mark.parametrize(
    ("module", "attribute", "value"),
    [
        ("detections", "threshold", 0.06),
        ("detections", "stds", (0.1, 0.21)),
        ("proposals", "iou", 0.69),
        ("detections", "limits", torch.tensor([1e6] * 4)),
        ("roi_align", "sampling", 1),
    ],
)
def test_small_faults_of_selection_show(module: str, attribute: str, value: Any) -> None:
    detector = build("faster_rcnn_2fc")
    changed = copy.deepcopy(detector)
    setattr(changed.nodes[module], attribute, value)
    rows = probes(detector, detector_to_onnx(changed), "onnxruntime")
    wrong = {row.name for row in rows if row.agreement < PROBE_LIMITS["fp32"]}
    assert wrong == {module}


def test_every_probed_kind_says_what_it_gives() -> None:
    assert set(PROBES) == set(OUTPUTS_OF_KIND)
