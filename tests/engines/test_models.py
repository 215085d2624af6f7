from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from engines import EngineBuildError, EngineInputError, NamedOutputs, OnnxModel, TorchModel
from engines.conformance import small_model


def _graph(
    shape: tuple[int | str, ...] = (2, 3), kind: int = TensorProto.FLOAT
) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_torch_model_exports_once() -> None:
    model = small_model()
    first = model.onnx_bytes()
    assert model.onnx_bytes() is first
    graph = onnx.load_from_string(first).graph
    assert [v.name for v in graph.input] == ["image", "bias"]
    assert [v.name for v in graph.output] == ["features", "total"]


def test_torch_model_is_handed_over_in_eval_mode() -> None:
    module = torch.nn.Sequential(torch.nn.BatchNorm1d(2)).train()
    model = TorchModel(module, {"x": np.ones((1, 2), np.float32)})
    assert not any(part.training for part in model.torch_module().modules())


def test_torch_model_without_a_module() -> None:
    model = TorchModel(None, {"x": np.ones(2)}, name="ghost")
    for method in (model.torch_module, model.onnx_bytes):
        with pytest.raises(EngineBuildError, match="'ghost' was made without a torch module"):
            method()


def test_torch_model_refuses_inputs() -> None:
    with pytest.raises(EngineInputError, match="'model' needs at least one example input"):
        TorchModel(torch.nn.ReLU(), {})
    with pytest.raises(EngineInputError, match="'x' must be a NumPy array, got Tensor"):
        TorchModel(torch.nn.ReLU(), {"x": torch.ones(1)})


def test_models_name_their_outputs() -> None:
    assert isinstance(small_model(), NamedOutputs)
    assert OnnxModel(_graph().SerializeToString()).output_names == ("y",)


def test_onnx_model_from_file_keeps_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(_graph().SerializeToString())
    for source in (path, str(path)):
        model = OnnxModel(source, macs=3)
        assert (model.name, model.macs) == ("net", 3)
        assert model.onnx_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (TensorProto.FLOAT, "float32"),
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.INT64, "int64"),
        (TensorProto.UINT8, "uint8"),
        (TensorProto.BOOL, "bool"),
    ],
)
def test_onnx_model_makes_seeded_inputs(kind: int, dtype: str) -> None:
    content = _graph((4, 50), kind).SerializeToString()
    array = OnnxModel(content).example_inputs()["x"]
    assert (array.dtype.name, array.shape) == (dtype, (4, 50))
    assert array.any()
    np.testing.assert_array_equal(array, OnnxModel(content).example_inputs()["x"])
    assert (array != OnnxModel(content, seed=1).example_inputs()["x"]).any()


def test_onnx_model_of_open_size() -> None:
    content = _graph(("n", 3)).SerializeToString()
    with pytest.raises(EngineInputError, match=r"'x' is float32 \?x3: a size is not fixed"):
        OnnxModel(content)
    model = OnnxModel(content, {"x": np.ones((5, 3), np.float32)})
    assert model.example_inputs()["x"].shape == (5, 3)


def test_onnx_model_checks_given_inputs() -> None:
    with pytest.raises(EngineInputError, match="input 'x' must be float32 2x3, got float32 3"):
        OnnxModel(_graph().SerializeToString(), {"x": np.ones(3, np.float32)})


def test_onnx_model_has_no_module() -> None:
    with pytest.raises(EngineBuildError, match="no torch module; use an engine that reads ONNX"):
        OnnxModel(_graph().SerializeToString()).torch_module()


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 64])
def test_refuses_what_is_no_model(content: bytes) -> None:
    with pytest.raises(EngineBuildError, match="is no ONNX model"):
        OnnxModel(content)


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(EngineBuildError, match=r"cannot read the ONNX model .*absent.onnx"):
        OnnxModel(tmp_path / "absent.onnx")


def test_refuses_weights_in_other_files(tmp_path: Path) -> None:
    model = _graph()
    weight = onnx.numpy_helper.from_array(np.ones((100, 100), np.float32), "w")
    model.graph.initializer.append(weight)
    path = tmp_path / "split.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=0, location="w.bin")
    with pytest.raises(EngineBuildError, match="keeps 1 weights in other files; store it in one"):
        OnnxModel(path)
