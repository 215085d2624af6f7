"""Layer 3: what the whole graph demands of the release and of the program that runs it."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import TensorProto

from ..finding import Severity
from ..graph import GraphView, Node, Scope
from ..rule import GRAPH, Problem, Rule, registry
from ..versions import Release, Span, Target
from .sources import (
    HELPERS_86,
    IMPORTERS_86,
    MIGRATION_11,
    OPERATORS_101,
    PARSER_CHANGES,
)

MOST_DIMENSIONS = 8
DATA_DEPENDENT = ("NonZero", "NonMaxSuppression", "Compress", "Unique")
INT64_SINCE: Release = (9, 0)


def _int64(graph: GraphView, target: Target) -> Iterator[Problem]:
    main = graph.main
    groups = (("input", sorted(main.input_names)), ("output", _names(main)))
    for kind, names in groups:
        for name in names:
            tensor = main.tensor(name)
            if tensor is not None and tensor.dtype == TensorProto.INT64:
                yield Problem(
                    f"{kind} {name!r} is INT64 in the file, INT32 in the engine", place=name
                )


def _double(graph: GraphView, target: Target) -> Iterator[Problem]:
    for scope in graph.scopes:
        for name, tensor in scope.tensors.items():
            if tensor.dtype == TensorProto.DOUBLE:
                yield Problem(f"tensor {name!r} is FP64, computed as FP32", place=name)
                return  # once is enough: they come in hundreds


def _names(scope: Scope) -> list[str]:
    return [value.name for value in scope.graph.output]


def _open_outputs(graph: GraphView, target: Target) -> Iterator[Problem]:
    for value in graph.main.graph.output:
        tensor = graph.main.tensor(value.name)
        if (
            tensor is None
            or tensor.shape is None
            or any(not isinstance(side, int) for side in tensor.shape)
        ):
            origin = _origin(graph.main, value.name)
            if origin is not None:
                yield Problem(
                    f"the shape of output {value.name!r} depends on the data, by {origin.op} "
                    f"{origin.name!r}",
                    place=value.name,
                )


def _origin(scope: Scope, name: str) -> Node | None:
    """Return a node upstream of a tensor whose output's size depends on the data."""
    seen, waiting = {name}, [name]
    while waiting:
        node = scope.makers.get(waiting.pop())
        if node is None:
            continue
        if node.op in DATA_DEPENDENT:
            return node
        fresh = [item for item in node.proto.input if item and item not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return None


def _dimensions(graph: GraphView, target: Target) -> Iterator[Problem]:
    for scope in graph.scopes:
        for name, tensor in scope.tensors.items():
            if tensor.shape is not None and len(tensor.shape) > MOST_DIMENSIONS:
                yield Problem(
                    f"tensor {name!r} has {len(tensor.shape)} dimensions, at most "
                    f"{MOST_DIMENSIONS} are supported",
                    scope.makers.get(name),
                    place=name,
                )


def _sparse(graph: GraphView, target: Target) -> Iterator[Problem]:
    for data in graph.model.graph.sparse_initializer:
        name = data.values.name
        yield Problem(f"initializer {name!r} is sparse", place=name)


def _weak_typing(graph: GraphView, target: Target) -> Iterator[Problem]:
    yield Problem(
        "this release has no fp16 flag: layers run in the types that the graph says",
        place="graph",
    )


RULES = registry(
    Rule(
        "int64-interface",
        GRAPH,
        "Inputs and outputs of INT64 are INT32 in the engine.",
        PARSER_CHANGES,
        _int64,
        "bind INT32, or make them INT32 in the file, so that all releases agree",
        severity=Severity.WARN,
        span=Span(before=INT64_SINCE),
    ),
    Rule(
        "double",
        GRAPH,
        "FP64 is computed as FP32.",
        f"{HELPERS_86}; {OPERATORS_101}",
        _double,
        "export in FP32",
        severity=Severity.WARN,
    ),
    Rule(
        "data-dependent-outputs",
        GRAPH,
        "Outputs whose size depends on the data need an output allocator and no fixed buffer.",
        "docs.nvidia.com/deeplearning/tensorrt developer guide, IOutputAllocator",
        _open_outputs,
        "give the outputs a fixed size and a count of valid rows, as detfit's detectors do",
        severity=Severity.WARN,
        span=Span((8, 5)),
    ),
    Rule(
        "dimensions",
        GRAPH,
        f"Tensors must have at most {MOST_DIMENSIONS} dimensions.",
        f"{IMPORTERS_86} (nvinfer1::Dims::MAX_DIMS)",
        _dimensions,
        "merge dimensions",
    ),
    Rule(
        "sparse-initializers",
        GRAPH,
        "Initializers must be dense.",
        f"{IMPORTERS_86}",
        _sparse,
        "store them densely",
    ),
    Rule(
        "strong-typing",
        GRAPH,
        "Half precision has to be in the graph itself.",
        MIGRATION_11,
        _weak_typing,
        "convert the graph to FP16 before building",
        severity=Severity.WARN,
        span=Span((11, 0)),
        precision="fp16",
    ),
)
