import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from engines import (
    OnnxExportError,
    OnnxModel,
    OnnxRuntimeBackend,
    onnx_export as module,
    to_onnx,
)

IMAGE = {"image": np.random.default_rng(0).standard_normal((1, 3, 8, 10)).astype(np.float32)}


def _net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Dropout(0.5)
    )


class Two(torch.nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a + b, (a * b).sum()


class Branches(torch.nn.Module):
    """A Python branch on data: the tracer warns that it becomes a constant."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return a + 1 if a.shape[0] > int(a.shape[1]) else a - 1


@pytest.mark.parametrize(
    ("exporter", "opset", "written"),
    [("torchscript", None, 17), ("torchscript", 13, 13), ("dynamo", None, 18)],
)
def test_exports_a_valid_equal_model(exporter: str, opset: int | None, written: int) -> None:
    net = _net()
    model = to_onnx(net, IMAGE, ["features"], opset=opset, exporter=exporter)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [written]
    onnx.checker.check_model(model, full_check=True)
    (output,) = model.graph.output
    assert output.name == "features"
    assert [d.dim_value for d in output.type.tensor_type.shape.dim] == [1, 4, 6, 8]
    (given,) = ReferenceEvaluator(model).run(None, IMAGE)
    with torch.no_grad():
        wanted = net.eval()(torch.tensor(IMAGE["image"])).numpy()
    np.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)


def test_nodes_are_named_by_scope() -> None:
    class Outer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = torch.nn.Conv2d(3, 4, 3)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.stem(image))

    names = [node.name for node in to_onnx(Outer(), IMAGE).graph.node]
    assert "/stem/Conv" in names


def test_shapes_between_the_nodes_are_inferred() -> None:
    model = to_onnx(_net(), IMAGE)
    known = {info.name for info in model.graph.value_info} | {"output"}
    assert {name for node in model.graph.node for name in node.output} <= known


def test_leaves_every_mode_as_it_was() -> None:
    net = _net().train()
    net[1].eval()
    before = [part.training for part in net.modules()]
    to_onnx(net, IMAGE)
    assert [part.training for part in net.modules()] == before
    with pytest.raises(OnnxExportError):
        to_onnx(net, {"image": np.ones((1, 5), np.float32)})
    assert [part.training for part in net.modules()] == before


def test_does_not_change_running_statistics() -> None:
    net = _net().train()
    mean = net[1].running_mean.clone()
    to_onnx(net, IMAGE)
    assert torch.equal(net[1].running_mean, mean)


def test_several_inputs_and_default_names() -> None:
    arrays = {"b": np.ones((2,), np.float32), "a": np.full((2,), 3, np.float32)}
    model = to_onnx(Two(), arrays)
    assert [v.name for v in model.graph.input] == ["b", "a"]
    assert [v.name for v in model.graph.output] == ["output_0", "output_1"]
    assert [v.name for v in to_onnx(torch.nn.ReLU(), {"x": arrays["a"]}).graph.output] == [
        "output"
    ]


def test_is_quiet_but_only_about_itself() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_onnx(Branches(), {"a": np.ones((1, 2), np.float32)})

    class Warns(torch.nn.Module):
        def forward(self, a: torch.Tensor) -> torch.Tensor:
            warnings.warn("mind the gap", UserWarning, stacklevel=1)
            return a + 1

    with pytest.warns(UserWarning, match="mind the gap"):
        to_onnx(Warns(), {"a": np.ones((1, 2), np.float32)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exporter": "magic"}, "unknown exporter 'magic'; write one of torchscript, dynamo"),
        (
            {"exporter": "dynamo", "opset": 17},
            "the dynamo exporter writes opset 18 and up, got 17",
        ),
        ({"opset": 3}, "the torchscript exporter writes opset 11 and up, got 3"),
        ({"opset": 999}, "failed at opset 999"),
        ({"output_names": ["a", "b"]}, r"gives 1 outputs but 2 names \(a, b\)"),
    ],
)
def test_refuses_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(OnnxExportError, match=message):
        to_onnx(_net(), IMAGE, **options)


def test_refuses_modules() -> None:
    class Dictionary(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"a": image}

    class Unwritable(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.linalg.svdvals(image)

    with pytest.raises(OnnxExportError, match=r"does not run on its example inputs.*is a dict"):
        to_onnx(Dictionary(), IMAGE)
    with pytest.raises(
        OnnxExportError, match=r"torchscript exporter of torch .* failed at opset 17"
    ):
        to_onnx(Unwritable(), IMAGE)


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_an_unused_input_stays_an_input(exporter: str) -> None:
    class Ignores(torch.nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return b + a.shape[0]

    arrays = {"a": np.ones((2, 1), np.int64), "b": np.ones(3, np.float32)}
    model = to_onnx(Ignores(), arrays, exporter=exporter)
    assert [v.name for v in model.graph.input] == ["a", "b"]
    (engine_output,) = (
        OnnxRuntimeBackend()
        .build(OnnxModel(model.SerializeToString(), arrays))
        .run(arrays)
        .values()
    )
    np.testing.assert_array_equal(engine_output, [3.0, 3.0, 3.0])


def test_an_invalid_model_is_refused() -> None:
    model = to_onnx(torch.nn.ReLU(), {"x": np.ones(2, np.float32)})
    model.graph.node[0].op_type = "Nonsense"
    with pytest.raises(OnnxExportError, match="the ONNX model is invalid"):
        module.checked(model)


def test_torch_before_2_5(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HAS_DYNAMO", False)
    with pytest.raises(OnnxExportError, match="no dynamo exporter; use exporter='torchscript'"):
        to_onnx(_net(), IMAGE, exporter="dynamo")
    seen: dict[str, object] = {}
    real = torch.onnx.export

    def export(*args: object, **options: object) -> object:
        seen.update(options)
        return real(*args, **options, dynamo=False)

    monkeypatch.setattr(torch.onnx, "export", export)
    to_onnx(_net(), IMAGE)
    assert "dynamo" not in seen
