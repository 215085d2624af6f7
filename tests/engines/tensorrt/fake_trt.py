"""A TensorRT made of onnxruntime: each release has only its own names.

What is put together from the real interface's names is checked in test_contract.py against the
real interface; here every branch runs, and what it computes is compared with torch.
"""

from __future__ import annotations

import json
from enum import Enum, IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime

from tests.engines.tensorrt.fake_cuda import FakeCuda, FakeStream


class Severity(Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3


class ILogger:
    Severity = Severity


class IProfiler:
    pass


class IInt8EntropyCalibrator2:
    pass


class LayerType(Enum):
    CONVOLUTION = 0
    ELEMENTWISE = 1
    UNARY = 2
    GRID_SAMPLE = 3


LAYERS = {"Mul": LayerType.ELEMENTWISE, "Add": LayerType.ELEMENTWISE, "Exp": LayerType.UNARY}


class DataType(Enum):
    FLOAT = "float32"
    HALF = "float16"
    INT32 = "int32"
    INT64 = "int64"
    BOOL = "bool"


def fake_trt(version: str, cuda: FakeCuda, **behaviour: Any) -> Any:
    """Return a module with the names of a release.

    Args:
        version: ``8.6.1``, ``10.4.0`` or ``11.4.0``.
        cuda: Holds the memory.
        behaviour: ``parser_errors`` [(node, text)], ``builds`` (False), ``cache_fits`` (False),
            ``runs`` (False), ``data_dependent`` (output name).
    """
    major = int(version.split(".")[0])
    flags = ["TF32"]
    flags += ["FP16", "INT8", "PREFER_PRECISION_CONSTRAINTS"] if major < 11 else []
    flags += ["ERROR_ON_TIMING_CACHE_MISS"] if major > 8 else []
    network_flags = {"EXPLICIT_BATCH": 0} if major < 11 else {"STRONGLY_TYPED": 1}
    state = SimpleNamespace(
        major=major, cuda=cuda, behaviour=behaviour, configs=[], networks=[], batches=[], log=[]
    )
    module = SimpleNamespace(
        __version__=version,
        state=state,
        ILogger=ILogger,
        IProfiler=IProfiler,
        BuilderFlag=Enum("BuilderFlag", flags),
        NetworkDefinitionCreationFlag=IntEnum("NetworkDefinitionCreationFlag", network_flags),
        ProfilingVerbosity=Enum("ProfilingVerbosity", ["NONE", "DETAILED"]),
        MemoryPoolType=Enum("MemoryPoolType", ["WORKSPACE"]),
        TensorIOMode=Enum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"]),
        LayerInformationFormat=Enum("LayerInformationFormat", ["ONELINE", "JSON"]),
        init_libnvinfer_plugins=lambda logger, namespace: state.log.append("plugins") or True,
        nptype=lambda kind: np.dtype(kind.value).type,
    )
    if major < 11:
        module.IInt8EntropyCalibrator2 = IInt8EntropyCalibrator2
        module.DataType = DataType
        module.LayerType = LayerType
    module.Builder = lambda logger: Builder(module, logger)
    module.OnnxParser = lambda network, logger: OnnxParser(module, network)
    module.Runtime = lambda logger: Runtime(module)
    return module


class Builder:
    def __init__(self, trt: Any, logger: Any) -> None:
        self._trt = trt
        self._logger = logger

    def create_network(self, flags: int = 0) -> SimpleNamespace:
        made = SimpleNamespace(flags=flags, content=b"", num_inputs=0, get_input=None)
        self._trt.state.networks.append(made)
        return made

    def create_builder_config(self) -> Any:
        config = (Config if self._trt.state.major < 11 else BaseConfig)(self._trt)
        self._trt.state.configs.append(config)
        return config

    def create_optimization_profile(self) -> Any:
        shapes: dict[str, Any] = {}
        return SimpleNamespace(
            shapes=shapes, set_shape=lambda name, *sizes: shapes.__setitem__(name, sizes)
        )

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        state = self._trt.state
        if state.behaviour.get("builds") is False:
            self._logger.log(Severity.ERROR, "no implementation for node /conv/Conv")
            return None
        self._logger.log(Severity.WARNING, "a warning of the builder")
        self._logger.log(Severity.INFO, "nobody wants to know")
        calibrator = getattr(config, "int8_calibrator", None)
        if calibrator is not None:
            assert calibrator.read_calibration_cache() is None
            names = [network.get_input(index).name for index in range(network.num_inputs)]
            while addresses := calibrator.get_batch(names):
                state.batches.append([bytes(state.cuda.memory[where]) for where in addresses])
            calibrator.write_calibration_cache(b"scales")
        if config.cache is not None:
            config.cache.content += b"+timed"
        return bytes(network.content)


class BaseConfig:
    """What every release has."""

    def __init__(self, trt: Any) -> None:
        self._trt = trt
        self.flags = {trt.BuilderFlag.TF32}
        self.pools: dict[Any, int] = {}
        self.profiles: list[Any] = []
        self.cache: Any = None
        self.builder_optimization_level = 3
        self.profiling_verbosity: Any = None

    def set_flag(self, flag: Any) -> None:
        assert flag in self._trt.BuilderFlag
        self.flags.add(flag)

    def clear_flag(self, flag: Any) -> None:
        self.flags.discard(flag)

    def set_memory_pool_limit(self, pool: Any, size: int) -> None:
        self.pools[pool] = size

    def add_optimization_profile(self, profile: Any) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, content: bytes) -> Any:
        made = SimpleNamespace(content=bytes(content))
        made.serialize = lambda: made.content
        return made

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        assert ignore_mismatch is False
        if self._trt.state.behaviour.get("cache_fits") is False:
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> Any:
        return self.cache


class Config(BaseConfig):
    """What releases up to 10 have besides."""

    int8_calibrator: Any = None
    calibration_profile: Any = None

    def set_calibration_profile(self, profile: Any) -> bool:
        self.calibration_profile = profile
        return True


class OnnxParser:
    def __init__(self, trt: Any, network: Any) -> None:
        self._trt = trt
        self._network = network
        self._errors = trt.state.behaviour.get("parser_errors", [])

    def parse(self, content: bytes) -> bool:
        graph = onnx.load_from_string(content).graph
        inputs = [SimpleNamespace(name=v.name, shape=_shape(v)) for v in graph.input]
        self._graph = graph
        self._network.content = content
        self._network.num_inputs = len(inputs)
        self._network.get_input = inputs.__getitem__
        integers = {value.name for value in graph.output if value.type.tensor_type.elem_type == 7}
        layers = [Layer(node, integers) for node in graph.node]
        self._network.layers = layers
        self._network.num_layers = len(layers)
        self._network.get_layer = layers.__getitem__
        return not self._errors

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> Any:
        node, text = self._errors[index]
        found = SimpleNamespace(node=lambda: node, desc=lambda: text)
        if self._trt.state.major > 8:
            nodes = [*self._graph.node][node : node + 1]  # empty where there is no such node
            found.node_name = lambda: "".join(each.name for each in nodes)
            found.node_operator = lambda: "".join(each.op_type for each in nodes)
        return found


class Layer:
    def __init__(self, node: onnx.NodeProto, integers: set[str]) -> None:
        self.name = node.name
        self.type = LAYERS.get(node.op_type, LayerType.CONVOLUTION)
        self.precision: Any = None
        self._output = node.output[0]
        self._integers = integers

    def get_output(self, index: int) -> Any:
        kind = DataType.INT64 if self._output in self._integers else DataType.FLOAT
        return SimpleNamespace(name=self._output, dtype=kind)


class Runtime:
    def __init__(self, trt: Any) -> None:
        self._trt = trt

    def deserialize_cuda_engine(self, content: bytes) -> Any:
        return (
            None if self._trt.state.behaviour.get("loads") is False else Engine(self._trt, content)
        )


class Engine:
    def __init__(self, trt: Any, content: bytes) -> None:
        self._trt = trt
        self.graph = onnx.load_from_string(content).graph
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(content, options, providers=providers)
        values = [*self.graph.input, *self.graph.output]
        self._values = {value.name: value for value in values}
        self._inputs = {value.name for value in self.graph.input}
        self.num_io_tensors = len(values)

    def get_tensor_name(self, index: int) -> str:
        return list(self._values)[index]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if name == self._trt.state.behaviour.get("data_dependent"):
            return (-1, 4)
        return _shape(self._values[name])

    def get_tensor_dtype(self, name: str) -> DataType:
        kind = self.onnx_dtype(name)
        if kind == "int64" and self._trt.state.major == 8:
            kind = "int32"
        return DataType(kind)

    def onnx_dtype(self, name: str) -> str:
        kind = self._values[name].type.tensor_type.elem_type
        return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).name

    def get_tensor_mode(self, name: str) -> Any:
        modes = self._trt.TensorIOMode
        return modes.INPUT if name in self._inputs else modes.OUTPUT

    def is_shape_inference_io(self, name: str) -> bool:
        return name == self._trt.state.behaviour.get("shape_input")

    def create_execution_context(self) -> Context:
        return Context(self._trt, self)

    def create_engine_inspector(self) -> Any:
        layers = [
            {"Name": f"layer_{i}", "Metadata": f"[ONNX Layer: {node.name}]"}
            for i, node in enumerate(self.graph.node)
        ]
        answer = json.dumps({"Layers": layers})
        return SimpleNamespace(
            execution_context=None, get_engine_information=lambda format: answer
        )


class Context:
    def __init__(self, trt: Any, engine: Engine) -> None:
        self._trt = trt
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self.profiler: Any = None

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        wanted = self._engine.get_tensor_shape(name)
        if any(side not in (-1, got) for side, got in zip(wanted, shape, strict=True)):
            return False
        profiles = self._trt.state.configs[-1].profiles
        sizes = profiles[0].shapes.get(name) if profiles else None
        if sizes and not all(
            a <= b <= c for a, b, c in zip(sizes[0], shape, sizes[2], strict=True)
        ):
            return False
        self._shapes[name] = shape
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        shape = self._engine.get_tensor_shape(name)
        batch = next(iter(self._shapes.values()))[0]
        return tuple(batch if side == -1 else side for side in shape)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert stream_handle == FakeStream.handle
        if self._trt.state.behaviour.get("runs") is False:
            return False
        memory, feeds = self._trt.state.cuda.memory, {}
        for name, shape in self._shapes.items():
            kind = np.dtype(self._engine.get_tensor_dtype(name).value)
            size = int(np.prod(shape)) * kind.itemsize
            content = bytes(memory[self._addresses[name]][:size])
            array = np.frombuffer(content, kind).reshape(shape)
            feeds[name] = array.astype(self._engine.onnx_dtype(name))
        names = [value.name for value in self._engine.graph.output]
        for name, array in zip(names, self._engine.session.run(names, feeds), strict=True):
            kept = array.astype(self._engine.get_tensor_dtype(name).value).tobytes()
            memory[self._addresses[name]][: len(kept)] = kept
        if self.profiler is not None:
            for index in range(len(self._engine.graph.node)):
                self.profiler.report_layer_time(f"layer_{index}", 0.5 + index)
            self.profiler.report_layer_time("Reformatting CopyNode for nobody", 0.25)
        return True


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else -1 for side in sides)
