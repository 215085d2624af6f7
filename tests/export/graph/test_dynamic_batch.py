"""A graph whose batch is open takes any number of images and finds the same in each."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from detection import Detector, GraphModel
from engines import BACKENDS, OnnxModel, get_backend
from export import (
    ExportRequest,
    GraphError,
    check_graph,
    detector_to_onnx,
    export_detector,
    export_onnx,
)
from searchspaces import MASKS, OUTPUTS
from tests.detection.test_export import spread_boxes
from tests.detection.variants import SIDE, VARIANTS

QUICK = ("faster_rcnn_2fc", "retinanet", "mask_rcnn")
families = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in VARIANTS]
)


def family(name: str) -> Detector:
    torch.set_num_threads(1)
    drawn = GraphModel(VARIANTS[name].graph()).torch_module()
    detector = Detector(VARIANTS[name])
    detector.load_state_dict(drawn.state_dict())
    spread_boxes(detector)
    return detector.eval()


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 3, SIDE, SIDE), np.float32)


@families
def test_any_number_of_images(name: str) -> None:
    detector = family(name)
    model = detector_to_onnx(detector, dynamic_batch=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for count in (1, 2, 5):
        found = session.run(None, {"image": images(count)})
        with torch.inference_mode():
            expected = detector(torch.from_numpy(images(count)))
        assert len(found) == len(expected)
        assert expected[3].min() > 0
        np.testing.assert_array_equal(found[3], expected[3])
        np.testing.assert_allclose(found[1], expected[1], atol=1e-4)
        same = np.abs(found[0] - expected[0].numpy()).max(-1) <= 1e-2
        assert same.mean() > 0.97  # rows of equal scores may change places
        for left, right in zip(found[4:], expected[4:], strict=True):
            np.testing.assert_allclose(left[same], right.numpy()[same], atol=1e-3)


def test_only_the_batch_is_dynamic(tmp_path: Path) -> None:
    artifact = export_onnx(family("mask_rcnn"), tmp_path / "m.onnx", dynamic_batch=True)
    model = onnx.load(artifact.path)
    check_graph(model, input_hw=(SIDE, SIDE), dynamic_batch=True)
    for value in (*model.graph.input, *model.graph.output):
        first, *rest = value.type.tensor_type.shape.dim
        assert first.dim_param == "batch"
        assert all(side.dim_value > 0 for side in rest)
    assert [value.name for value in model.graph.output] == [*OUTPUTS, MASKS]
    assert {p.key: p.value for p in model.metadata_props}["batch"] == "batch"
    with pytest.raises(GraphError, match=r"input 'image' has the shape \(\?, 3, 96, 96\)"):
        check_graph(model)


def test_openvino_takes_it_too() -> None:
    if reason := BACKENDS["openvino"].unavailable_reason():
        pytest.skip(reason)
    backend = get_backend("openvino")
    detector = family("faster_rcnn_2fc")
    content = detector_to_onnx(detector, dynamic_batch=True).SerializeToString()
    with backend.build(OnnxModel(content, {"image": images(2)})) as engine:
        for count in (1, 3):
            found = engine.run({"image": images(count)})
            with torch.inference_mode():
                expected = detector(torch.from_numpy(images(count)))
            np.testing.assert_array_equal(found["count"], expected[3])
            np.testing.assert_allclose(found["scores"], expected[1], atol=1e-4)


def test_a_bundle_of_dynamic_batch(tmp_path: Path, export_request: ExportRequest) -> None:
    request = replace(export_request, dynamic_batch=True, batch=2)
    result = export_detector(request, tmp_path / "bundle")
    model = onnx.load(result.bundle.path / "model.onnx")
    check_graph(model, dynamic_batch=True)
    assert result.bundle.manifest.engine.batch == 2
    assert result.report is not None
    assert result.report.parity.f1 == 1


def test_a_batch_and_an_dynamic_batch_contradict_each_other(
    make_detector: Callable[..., Detector],
) -> None:
    with pytest.raises(GraphError, match="batch must be 1, got 2"):
        detector_to_onnx(make_detector(), batch=2, dynamic_batch=True)


def test_the_graph_of_a_fixed_batch_is_refused_where_an_open_one_is_meant(
    detector: Detector,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = detector_to_onnx(detector)
    with pytest.raises(GraphError, match="input 'image' has the shape"):
        check_graph(model, dynamic_batch=True)
