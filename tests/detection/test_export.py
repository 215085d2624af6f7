"""Both exporters: fixed shapes, no control flow, the same numbers on onnxruntime."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from detection import GraphModel
from searchspaces import DetectorSpec, ModuleSpec, TensorSpec, chain

MakeSpec = Callable[..., DetectorSpec]
CONTROL_FLOW = {"If", "Loop", "Scan", "NonZero", "Compress", "Unique"}
TORCHSCRIPT, DYNAMO = "torchscript", "dynamo"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what the exporters say about themselves and about shapes that become constants."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx")
        warnings.filterwarnings("ignore", "You are using the legacy", DeprecationWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "`create_unbacked_symint`", FutureWarning)
        yield


def to_onnx(model: GraphModel, module: nn.Module, exporter: str) -> onnx.ModelProto:
    inputs = model.example_inputs()
    args = tuple(map(torch.from_numpy, inputs.values()))
    names = {"input_names": list(inputs), "output_names": list(model.output_names)}
    buffer = io.BytesIO()
    with quiet():
        if exporter == DYNAMO:
            program = torch.onnx.export(
                module, args, dynamo=True, opset_version=18, verbose=False, **names
            )
            assert program is not None
            return program.model_proto
        torch.onnx.export(module, args, buffer, dynamo=False, opset_version=17, **names)
    return onnx.load_from_string(buffer.getvalue())


def spread_boxes(module: nn.Module) -> None:
    """Give an untrained detector boxes and proposals that differ, so that selection has work."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("objectness.weight"):
                parameter.mul_(30)
            elif name.endswith("deltas.weight"):
                parameter.mul_(10)


def run_both(
    model: GraphModel, module: nn.Module, exported: onnx.ModelProto
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    onnx.checker.check_model(exported, full_check=True)
    assert not CONTROL_FLOW & {node.op_type for node in exported.graph.node}
    for value in exported.graph.output:
        assert all(d.dim_value > 0 for d in value.type.tensor_type.shape.dim)
    session = ort.InferenceSession(
        exported.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    inputs = model.example_inputs()
    with torch.no_grad():
        expected = module(*map(torch.from_numpy, inputs.values()))
    return session.run(None, inputs), [tensor.numpy() for tensor in expected]


def assert_same_detections(mine: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    """Compare as sets: each detection has one of equal class, score and box."""
    assert mine[3].tolist() == theirs[3].tolist()
    for image, count in enumerate(mine[3]):
        left = list(range(count))
        for row in range(count):
            close = [
                other
                for other in left
                if mine[2][image, row] == theirs[2][image, other]
                and abs(mine[1][image, row] - theirs[1][image, other]) <= 1e-4
                and np.abs(mine[0][image, row] - theirs[0][image, other]).max() <= 1e-2
            ]
            assert close, f"detection {row} of image {image} has no partner"
            left.remove(close[0])
        np.testing.assert_allclose(mine[1][image], theirs[1][image], atol=1e-4)
        assert not mine[0][image, count:].any()
        assert not mine[1][image, count:].any()


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
@pytest.mark.parametrize(
    ("exporter", "batch"),
    [
        (TORCHSCRIPT, 1),
        (TORCHSCRIPT, 2),
        pytest.param(DYNAMO, 1, marks=pytest.mark.slow),
        pytest.param(DYNAMO, 2, marks=pytest.mark.slow),
    ],
)
def test_whole_detectors(make_spec: MakeSpec, head: str, exporter: str, batch: int) -> None:
    model = GraphModel(make_spec(head).graph(batch))
    module = model.torch_module()
    spread_boxes(module)
    exported = to_onnx(model, module, exporter)
    mine, theirs = run_both(model, module, exported)
    assert theirs[3].min() > 0
    assert len(np.unique(theirs[1])) > 10
    assert_same_detections(mine, theirs)


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
@pytest.mark.parametrize("exporter", [TORCHSCRIPT, pytest.param(DYNAMO, marks=pytest.mark.slow)])
def test_every_module_alone(make_spec: MakeSpec, head: str, exporter: str) -> None:
    # 72 pixels: odd sizes on all coarse levels.
    for spec in make_spec(head, side=72).graph(batch=2).counts():
        model = GraphModel(chain([spec]))
        module = model.torch_module()
        mine, theirs = run_both(model, module, to_onnx(model, module, exporter))
        for left, right in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4, err_msg=spec.key)


def test_interleaving_shuffle(make_spec: MakeSpec) -> None:
    (spec,) = {
        node.spec for node in make_spec("fpn").graph().nodes if node.name == "backbone_s1_b1"
    }
    params = dict(spec.params) | {"shuffle": "interleave"}
    model = GraphModel(chain([type(spec).of(spec.kind, spec.inputs, **params)]))
    module = model.torch_module()
    mine, theirs = run_both(model, module, to_onnx(model, module, TORCHSCRIPT))
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("exporter", [TORCHSCRIPT, pytest.param(DYNAMO, marks=pytest.mark.slow)])
@pytest.mark.parametrize("norm", ["gn", "gn_ws"])
def test_group_norms_and_standardised_weights(norm: str, exporter: str) -> None:
    stem = ModuleSpec.of(
        "stem_conv",
        [TensorSpec((2, 3, 17, 22))],
        batch=2,
        in_channels=3,
        out_channels=12,
        kernel=3,
        stride=2,
        bias=0,
        norm=norm,
        activation="relu6",
    )
    pyramid = ModuleSpec.of(
        "fpn",
        [TensorSpec((2, 12, 9, 11))],
        batch=2,
        in_channels="12",
        out_channels=8,
        extra="conv",
        extra_levels=3,
        norm=norm,
    )
    model = GraphModel(chain([stem, pyramid]))
    module = model.torch_module()
    mine, theirs = run_both(model, module, to_onnx(model, module, exporter))
    for left, right in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)
