"""Build a plan from an ONNX model: parse, profiles, precision, calibration, timing cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import Arrays
from ..errors import EngineBuildError
from .api import FULL, Api
from .calibration import Feed
from .cuda import Session
from .limits import Capability
from .logger import Messages
from .record import BuildRecord, capability_text, digest, outputs_text
from .shapes import BatchRange, add_profile, check_batches, profile_text
from .timing_cache import TimingCache

if TYPE_CHECKING:
    import onnx
    import tensorrt as trt

ON_CACHE_MISS = ("time", "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """State what to build.

    Attributes:
        content: The serialised ONNX model.
        written: Precision that it is written in.
        examples: An array for every input: fixes the sizes that the model leaves open.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: Batch sizes; None for those of the examples.
        batches: What int8 is calibrated on.
        calibration: What TensorRT's calibrator found before; empty to calibrate.
        cache: Timing cache to read; None for none.
        on_cache_miss: ``time`` or ``refuse``.
        workspace_bytes: Most scratch memory; None for all there is.
        level: Optimisation level, 0 (fast build) to 5.
        capability: Of the GPU.
    """

    content: bytes
    written: str
    examples: Arrays
    precision: str
    batch: BatchRange | None
    batches: Sequence[Arrays]
    calibration: bytes
    cache: TimingCache | None
    on_cache_miss: str
    workspace_bytes: int | None
    level: int
    capability: Capability


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold a built engine, serialised.

    Attributes:
        content: What ``trtexec --loadEngine`` and the runtime read.
        record: What it was built from and how.
        cache: The timing cache after the build; None if none was given.
        calibration: What TensorRT's calibrator found; empty where it was not asked.
        onnx: The ONNX model as TensorRT read it; empty for a plan from a file.
    """

    content: bytes
    record: BuildRecord
    cache: TimingCache | None = None
    calibration: bytes = b""
    onnx: bytes = b""


def build_plan(api: Api, session: Session, logger: Any, messages: Messages, order: Order) -> Plan:
    """Build; the session must be current.

    Raises:
        EngineBuildError: The model cannot be read or built; the message lists the nodes, or
            repeats what TensorRT says.
    """
    lowered = api.prepare(order.content, order.written, order.precision, order.batches)
    messages.warnings.extend(lowered.warnings)
    content = lowered.content
    api.trt.init_libnvinfer_plugins(logger, "")  # RoIAlign is a plugin
    builder: trt.Builder = api.trt.Builder(logger)
    network = api.create_network(builder)
    parse(api, network, logger, content)
    config: trt.IBuilderConfig = builder.create_builder_config()
    configure(api, config, order)
    api.set_precision(network, config, order.precision, content)
    profile = add_profile(builder, network, config, order.examples, order.batch)
    cache = attach_cache(api, config, order)
    feed: Feed | None = None
    if order.precision == "int8" and order.written == FULL and api.calibrates:
        check_batches(network, order.examples, order.batch, order.batches)
        feed = Feed(api, session, order.batches, order.calibration)
        api.set_calibrator(config, api.calibrator(feed), profile)
    with closing(feed) if feed is not None else nullcontext():
        made: trt.IHostMemory | None = builder.build_serialized_network(network, config)
    if feed is not None and feed.failure is not None:
        raise EngineBuildError(f"calibration failed: {feed.failure}") from feed.failure
    if made is None:
        raise EngineBuildError(f"TensorRT {api.version} builds no engine: {messages.told()}")
    grown = grown_cache(config, cache)
    calibration = b"" if feed is None else feed.cache
    sizes = profile_text(network, order.examples, order.batch)
    found = _Found(set_flags(api, config), sizes, grown, calibration, content)
    return Plan(bytes(made), make_record(api, order, found), grown, calibration, content)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of a build once it is done."""

    switched_on: tuple[str, ...]
    profile: str
    cache: TimingCache | None
    calibration: bytes
    onnx: bytes


def make_record(api: Api, order: Order, found: _Found) -> BuildRecord:
    """Return the record of a build."""
    space = order.workspace_bytes
    return BuildRecord(
        tensorrt=api.version,
        capability=capability_text(order.capability),
        typing=api.typing,
        flags=" ".join(found.switched_on),
        level=str(order.level),
        workspace_bytes="all" if space is None else str(space),
        profile=found.profile,
        timing_cache=digest(None if order.cache is None else order.cache.content),
        timing_cache_after=digest(None if found.cache is None else found.cache.content),
        calibration=digest(found.calibration or None),
        onnx=digest(order.content),
        onnx_read=digest(found.onnx),
        outputs=outputs_text(onnx_output_dtypes(found.onnx)),
    )


def onnx_output_dtypes(content: bytes) -> Mapping[str, str]:
    """Return the NumPy name of the type of each output of an ONNX model, in order."""
    import onnx

    outputs = onnx.load_from_string(content).graph.output
    to_dtype = onnx.helper.tensor_dtype_to_np_dtype
    return {
        value.name: np.dtype(to_dtype(value.type.tensor_type.elem_type)).name for value in outputs
    }


def parse(api: Api, network: trt.INetworkDefinition, logger: Any, content: bytes) -> None:
    """Read an ONNX model into a network.

    Raises:
        EngineBuildError: Nodes cannot be read; all of them are listed.
    """
    parser: trt.OnnxParser = api.trt.OnnxParser(network, logger)
    if parser.parse(content):
        return
    import onnx

    graph = onnx.load_from_string(content).graph
    told = [_told(api, parser.get_error(index), graph) for index in range(parser.num_errors)]
    raise EngineBuildError(
        f"TensorRT {api.version} cannot read {len(told)} nodes of the model: " + "; ".join(told)
        if told
        else f"TensorRT {api.version} cannot read the model and gives no reason"
    )


def _told(api: Api, error: trt.ParserError, graph: onnx.GraphProto) -> str:
    index = int(error.node())
    name, operator = api.failed_node(error)
    if 0 <= index < len(graph.node):
        name = name or graph.node[index].name
        operator = operator or graph.node[index].op_type
    return f"node {index} {name!r} ({operator or 'unknown operator'}): {error.desc()}"


def configure(api: Api, config: trt.IBuilderConfig, order: Order) -> None:
    """Set scratch memory, level, exact float32 and what the engine tells about its layers."""
    flags = api.trt.BuilderFlag
    config.clear_flag(flags.TF32)  # on by default; fp32 means fp32, as in the torch engine
    config.builder_optimization_level = order.level
    config.profiling_verbosity = api.trt.ProfilingVerbosity.DETAILED
    if order.workspace_bytes is not None:
        config.set_memory_pool_limit(api.trt.MemoryPoolType.WORKSPACE, order.workspace_bytes)


def set_flags(api: Api, config: trt.IBuilderConfig) -> tuple[str, ...]:
    """Return the names of the builder flags that are set."""
    flags = api.trt.BuilderFlag
    return tuple(name for name, flag in flags.__members__.items() if config.get_flag(flag))


def attach_cache(api: Api, config: trt.IBuilderConfig, order: Order) -> trt.ITimingCache | None:
    """Have the builder read the pinned timing cache.

    Raises:
        EngineBuildError: It belongs to another GPU or another TensorRT, or misses cannot be
            refused.
    """
    if order.cache is None:
        return None  # TensorRT then keeps one for this build alone
    cache: trt.ITimingCache = config.create_timing_cache(order.cache.content)
    if not config.set_timing_cache(cache, ignore_mismatch=False):
        raise EngineBuildError(
            f"TensorRT {api.version} refuses timing cache {order.cache.label}: it was made on "
            "another GPU, or by another TensorRT; begin a new one with TimingCache()"
        )
    if order.on_cache_miss == "refuse":
        api.refuse_cache_misses(config)
    return cache


def grown_cache(config: trt.IBuilderConfig, cache: trt.ITimingCache | None) -> TimingCache | None:
    """Return what the timing cache holds after a build."""
    if cache is None:
        return None
    kept: trt.ITimingCache = config.get_timing_cache()
    return TimingCache(bytes(kept.serialize()))
