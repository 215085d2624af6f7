"""A TensorRT made of onnxruntime: each release has only its own names.

What is put together from the real interface's names is checked in test_contract.py against the
real interface; here every branch runs, and what it computes is compared with torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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


class IOutputAllocator:
    pass


class LayerType(Enum):
    CONVOLUTION = 0
    ELEMENTWISE = 1
    UNARY = 2
    CONSTANT = 3


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
            ``runs`` (False), ``loads`` (False), ``data_dependent`` (names of outputs),
            ``helpers`` (names of nodes before which the parser adds a layer of its own).
    """
    major = int(version.split(".")[0])
    flags = ["TF32"]
    flags += ["FP16", "INT8", "PREFER_PRECISION_CONSTRAINTS"] if major < 11 else []
    flags += ["ERROR_ON_TIMING_CACHE_MISS"] if major > 8 else []
    network_flags = {"EXPLICIT_BATCH": 0} if major < 11 else {}
    network_flags |= {"STRONGLY_TYPED": 1} if major > 8 else {}
    state = SimpleNamespace(
        major=major, cuda=cuda, behaviour=behaviour, configs=[], networks=[], batches=[], log=[]
    )
    state.calibrations = []
    state.runs = 0
    module = SimpleNamespace(
        __version__=version,
        state=state,
        ILogger=ILogger,
        IProfiler=IProfiler,
        IOutputAllocator=IOutputAllocator,
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
    module.Runtime = lambda logger: Runtime(module, logger)
    return module


class Builder:
    def __init__(self, trt: Any, logger: Any) -> None:
        self._trt = trt
        self._logger = logger

    def create_network(self, flags: int = 0) -> SimpleNamespace:
        made = SimpleNamespace(flags=flags, content=b"", num_inputs=0, get_input=None)
        made.strong = self._trt.state.major > 10 or bool(flags & 2)
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
            known = calibrator.read_calibration_cache()
            state.calibrations.append(known)
            names = [network.get_input(index).name for index in range(network.num_inputs)]
            while known is None and (addresses := calibrator.get_batch(names)):
                state.batches.append([bytes(state.cuda.memory[where]) for where in addresses])
            calibrator.write_calibration_cache(memoryview(known or b"scales"))
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

    def get_flag(self, flag: Any) -> bool:
        return flag in self.flags

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
        self._read_layers(graph)
        return not self._errors

    def _read_layers(self, graph: onnx.GraphProto) -> None:
        integers = {value.name for value in graph.output if value.type.tensor_type.elem_type == 7}
        helpers = self._trt.state.behaviour.get("helpers", ())
        layers: list[Layer] = []
        for node in graph.node:
            if node.name in helpers:
                between = f"{node.input[0]}/broadcast"
                layers.append(Layer("ONNXTRT_Broadcast", "", "", node.input[:1], [between]))
                node = onnx.helper.make_node(
                    node.op_type, [between, *node.input[1:]], node.output, node.name
                )
            told = f"[ONNX Layer: {node.name}]"
            layers.append(Layer(node.name, node.op_type, told, node.input, node.output))
        for layer in layers:
            layer.settle(integers, self._network.strong)
        network = self._network
        network.layers, network.num_layers = layers, len(layers)
        network.get_layer = layers.__getitem__
        outputs = [SimpleNamespace(name=value.name) for value in graph.output]
        network.num_outputs, network.get_output = len(outputs), outputs.__getitem__

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
    """A layer; those of strongly typed networks reject precisions."""

    def __init__(
        self, name: str, kind: str, metadata: str, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        self.name = name
        self.metadata = metadata
        self.type = LAYERS.get(kind, LayerType.CONVOLUTION)
        self.output_types: dict[int, Any] = {}
        self._precision: Any = None
        self._inputs, self._outputs = list(inputs), list(outputs)
        self.num_inputs, self.num_outputs = len(self._inputs), len(self._outputs)

    def settle(self, integers: set[str], strong: bool) -> None:
        self._integers, self._strong = integers, strong

    @property
    def precision(self) -> Any:
        return self._precision

    @precision.setter
    def precision(self, kind: Any) -> None:
        assert not self._strong
        self._precision = kind

    def set_output_type(self, index: int, kind: Any) -> None:
        assert not self._strong
        self.output_types[index] = kind

    def get_input(self, index: int) -> Any:
        return self._tensor(self._inputs[index]) if self._inputs[index] else None

    def get_output(self, index: int) -> Any:
        return self._tensor(self._outputs[index])

    def _tensor(self, name: str) -> Any:
        whole = name in self._integers or self._integers & set(self._outputs)
        kind = DataType.INT64 if whole else DataType.FLOAT
        return SimpleNamespace(name=name, dtype=kind, is_shape_tensor=False)


class Runtime:
    def __init__(self, trt: Any, logger: Any) -> None:
        self._trt = trt
        self._logger = logger

    def deserialize_cuda_engine(self, content: bytes) -> Any:
        if self._trt.state.behaviour.get("loads") is False or content[:4] == b"none":
            self._logger.log(Severity.ERROR, "Serialization assertion magicTagRead failed")
            return None
        return Engine(self._trt, content)


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
        self._allocators: dict[str, Any] = {}
        self.profiler: Any = None

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        wanted = self._engine.get_tensor_shape(name)
        if any(side not in (-1, got) for side, got in zip(wanted, shape, strict=True)):
            return False
        configs = self._trt.state.configs
        profiles = configs[-1].profiles if configs else ()
        sizes = profiles[0].shapes.get(name) if profiles else None
        if sizes and not all(
            a <= b <= c for a, b, c in zip(sizes[0], shape, sizes[2], strict=True)
        ):
            return False
        self._shapes[name] = shape
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        shape = self._engine.get_tensor_shape(name)
        if name in self._trt.state.behaviour.get("data_dependent", ()):
            return shape
        batch = next(iter(self._shapes.values()))[0]
        return tuple(batch if side == -1 else side for side in shape)

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def set_output_allocator(self, name: str, output_allocator: Any) -> bool:
        self._allocators[name] = output_allocator
        return True

    def _room(self, name: str, array: np.ndarray, size: int) -> int:
        """Return where an output goes, by TensorRT's way of asking in the release."""
        allocator = self._allocators.get(name)
        if allocator is None:
            return self._addresses[name]
        if self._trt.state.major == 8:
            address = allocator.reallocate_output(name, 0, max(size, 1), 256)
        else:
            address = allocator.reallocate_output_async(name, 0, max(size, 1), 256, 7)
        if address:
            allocator.notify_shape(name, array.shape)
        return int(address)

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert stream_handle == FakeStream.handle
        if self._trt.state.behaviour.get("runs") is False:
            return False
        self._trt.state.runs += 1
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
            address = self._room(name, array, len(kept))
            if not address:
                return False
            memory[address][: len(kept)] = kept
        if self.profiler is not None:
            for index in range(len(self._engine.graph.node)):
                self.profiler.report_layer_time(f"layer_{index}", 0.5 + index)
            self.profiler.report_layer_time("Reformatting CopyNode for nobody", 0.25)
        return True


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else -1 for side in sides)
