"""Build a plan from an ONNX model: parse, profiles, precision, calibration, timing cache."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base import Arrays
from ..errors import EngineBuildError
from .api import Api
from .calibration import Feed
from .cuda import Session
from .logger import Messages
from .shapes import BatchRange, add_profile, check_batches
from .timing_cache import TimingCache

if TYPE_CHECKING:
    import onnx
    import tensorrt as trt

ON_CACHE_MISS = ("time", "refuse")


@dataclass(frozen=True, slots=True)
class Order:
    """State what to build.

    Attributes:
        content: The serialised ONNX model.
        examples: An array for every input: fixes the sizes that the model leaves open.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: Batch sizes; None for those of the examples.
        batches: What int8 is calibrated on.
        cache: Timing cache to read; None for none.
        on_cache_miss: ``time`` or ``refuse``.
        workspace_bytes: Most scratch memory; None for all there is.
        level: Optimisation level, 0 (fast build) to 5.
    """

    content: bytes
    examples: Arrays
    precision: str
    batch: BatchRange | None
    batches: Sequence[Arrays]
    cache: TimingCache | None
    on_cache_miss: str
    workspace_bytes: int | None
    level: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold a built engine, serialised.

    Attributes:
        content: What ``trtexec --loadEngine`` and the runtime read.
        cache: The timing cache after the build; None if none was given.
        onnx: The ONNX model as TensorRT read it.
    """

    content: bytes
    cache: TimingCache | None
    onnx: bytes


def build_plan(api: Api, session: Session, logger: Any, messages: Messages, order: Order) -> Plan:
    """Build; the session must be current.

    Raises:
        EngineBuildError: The model cannot be read or built; the message lists the nodes, or
            repeats what TensorRT says.
    """
    content = api.prepare(order.content, order.precision, order.batches)
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
    if order.precision == "int8" and api.calibrates:
        check_batches(network, order.examples, order.batch, order.batches)
        feed = Feed(api, session, order.batches)
        api.set_calibrator(config, api.calibrator(feed.next_addresses), profile)
    with closing(feed) if feed is not None else nullcontext():
        made: trt.IHostMemory | None = builder.build_serialized_network(network, config)
    if feed is not None and feed.failure is not None:
        raise EngineBuildError(f"calibration failed: {feed.failure}") from feed.failure
    if made is None:
        raise EngineBuildError(f"TensorRT {api.version} builds no engine: {messages.told()}")
    return Plan(bytes(made), grown_cache(config, cache), content)


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
