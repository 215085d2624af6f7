"""Layer profiles as ``trtexec --exportProfile`` writes them.

A JSON list; the first entry counts the runs, each further one is a layer:

    [{"count": 625},
     {"name": "/neck/conv/Conv + /neck/act/Relu", "timeMs": 41.4, "averageMs": 0.0663,
      "medianMs": 0.0661, "percentage": 1.36}, ...]

``medianMs`` is missing before TensorRT 8.5; then ``averageMs`` is taken. A layer belongs to the
module of which its name's ONNX nodes are; the sum over its layers is the module's time. Layers of
no module or of several (fused across a border, copies between formats) cannot be attributed; the
manifest's notes name them and their time. Names such as ``__myl_...`` say nothing: their nodes
stand in what ``--exportLayerInfo`` writes, of an engine built with
``--profilingVerbosity=detailed``.

Samples, intervals and how much a layer varied are lost on writing; there, a layer is named by its
module's key. What a module costs inside a detector, where it was not timed alone, is marked by
``remark``. A profile switches concurrency off and costs time itself: its sum is no latency.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines import nodes_by_layer
from searchspaces import Graph, ModuleSpec, write_atomically

from ..errors import TableError
from ..tables.table import LatencyTable
from ..workloads.layer_names import module_of_node, modules_of_layer
from ..workloads.workload import MODULE
from .origin import Origin
from .rows import (
    Value,
    listed,
    make_table,
    other_roles,
    positive_ms,
    read_text,
    remarks_of,
    spec_of_name,
)

NAME = "trtexec-json"
_TIMES = ("medianMs", "averageMs")


def read(path: Path, origin: Origin) -> LatencyTable:
    """Read a profile by layers.

    Layers are attributed through the graph of ``origin``, by the nodes that ``origin.layers``
    tells, else by their name; or where their name is a module's key.

    Raises:
        TableError: The file cannot be read, or an entry is none of a profile; names entry and
            field.
    """
    sums: dict[str, float] = {}
    specs = _specs(origin.graph)
    other: list[tuple[str, float]] = []
    layers = list(_layers(path))
    told = _told(origin.layers, [name for _, name, _ in layers])
    for place, name, ms in layers:
        owners = (told.get(name) or modules_of_layer(name)) & specs.keys()
        spec = spec_of_name(name)
        if spec is not None:
            specs[name] = spec
            owners = frozenset([name])
        if len(owners) == 1:
            (owner,) = owners
            sums[owner] = sums.get(owner, 0.0) + ms
        else:
            other.append((f"{name or place} {ms:.4g} ms", ms))
    values = (Value(f"module {name}", specs[name], (ms,)) for name, ms in sums.items() if ms > 0)
    return make_table(path, NAME, origin, values, _notes(sums, other), repeats=True)


def write(table: LatencyTable, path: Path) -> tuple[str, ...]:
    """Write the modules of a table as layers; return what the format cannot hold."""
    entries = [(spec.key, measured) for spec, measured in table.entries.items()]
    total = sum(measured.median_ms for _, measured in entries)
    remarks = {spec.key: {"remark": text} for spec, text in remarks_of(table).items()}
    layers = [
        {
            "name": key,
            "timeMs": sum(measured.raw_ms),
            "averageMs": sum(measured.raw_ms) / len(measured.raw_ms),
            "medianMs": measured.median_ms,
            "percentage": 100 * measured.median_ms / total,
            **remarks.get(key, {}),
        }
        for key, measured in entries
    ]
    runs = max((len(measured.raw_ms) for _, measured in entries), default=0)
    write_atomically(path, (json.dumps([{"count": runs}, *layers], indent=1) + "\n").encode())
    failed = sum(row.workload.role == MODULE for row in table.failures)
    return (
        "samples and intervals: mean and median of each module",
        "device, engine, protocol and precision (but for the modules' keys)",
        *([f"{failed} failures"] if failed else []),
        *other_roles(table),
    )


def _specs(graph: Graph | None) -> dict[str, ModuleSpec]:
    return {} if graph is None else {node.name: node.spec for node in graph.nodes}


def _notes(sums: Mapping[str, float], other: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    notes = ["times are sums over layers of one profile of the whole network: in context, serial"]
    if other:
        lost = sum(ms for _, ms in other)
        share = lost / (lost + sum(sums.values()) or 1.0)
        notes.append(
            f"{len(other)} layers ({share:.1%} of the time) belong to no single module: "
            f"{listed([text for text, _ in other])}"
        )
    return tuple(notes)


def _layers(path: Path) -> Iterator[tuple[str, str, float]]:
    """Yield place, name and milliseconds of every layer."""
    entries = _entries(path)
    for number, entry in enumerate(entries[1:], start=2):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise TableError(f"{where}: name must be a text in a JSON object, got {entry!r:.80}")
        field = next((name for name in _TIMES if name in entry), None)
        if field is None:
            raise TableError(f"{where}: it lacks the field {' or '.join(_TIMES)}")
        ms = 0.0 if entry[field] == 0 else positive_ms(where, field, entry[field])
        yield f"entry {number}", entry["name"], ms


def _told(path: Path | None, names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the modules of the layers whose nodes a file of layers tells."""
    if path is None:
        return {}
    text = read_text(path)
    fields = _json(path, text)
    layers = fields.get("Layers") if isinstance(fields, dict) else None
    if not isinstance(layers, list) or not all(map(_is_layer, layers)):
        raise TableError(
            f"{path}, Layers: this must be a list of layers with the texts Name and Metadata; "
            "give what `trtexec --exportLayerInfo` writes with --profilingVerbosity=detailed"
        )
    return {
        name: frozenset(owner for node in nodes if (owner := module_of_node(node)))
        for name, nodes in nodes_by_layer(text, names, ()).items()
    }


def _is_layer(layer: object) -> bool:
    """Return whether this is a layer of an engine: told in detail, or a name alone."""
    texts = (
        [layer.get(n, "") for n in ("Name", "Metadata")] if isinstance(layer, dict) else [layer]
    )
    return all(isinstance(text, str) for text in texts)


def _entries(path: Path) -> list[Any]:
    entries = _json(path, read_text(path))
    head = entries[0] if isinstance(entries, list) and entries else None
    if not isinstance(entries, list) or not isinstance(head, dict) or "count" not in head:
        raise TableError(
            f"{path}, entry 1: count is missing; a profile is a list that begins with the count "
            "of runs in an object of its own"
        )
    return entries


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TableError(f"{path}, line {error.lineno}: this is no JSON: {error.msg}") from error
    except RecursionError:
        raise TableError(f"{path} is no profile: it is nested too deeply") from None
