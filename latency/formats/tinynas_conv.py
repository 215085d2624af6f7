"""Single convolutions as the op profiler library of TinyNAS lists them.

Source: alibaba/lightweight-neural-architecture-search, ``tinynas/latency/op_profiler``. Text, or
the same packed by gzip; one convolution a line:

    {Regular,1,3,480,480,32,3,2,0} 0.0512

that is type, batch, input channels, input height, input width, output channels, kernel, stride,
and 1 where a second map is added in the same kernel; then milliseconds, or -1 where it could not
be built. The type is ``Regular`` or ``Depthwise`` (as many groups as channels). Padding is half
the kernel; there is no dilation.

It holds modules of kind ``conv`` alone, one number each; samples, other kinds, dilation and other
groups are lost on writing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from searchspaces import ModuleSpec, SearchSpaceError, TensorSpec, write_atomically

from ..errors import TableError
from ..tables.table import LatencyTable
from .origin import Origin
from .rows import Value, make_table, positive_ms, text_lines

NAME = "tinynas-conv"
FIELDS = ("batch", "in_c", "in_h", "in_w", "out_c", "kernel", "stride", "fused_add")
TYPES = ("Regular", "Depthwise")
FAILED = "-1"
REASON = "the source records -1: it could not be built or run there"
_ROW = re.compile(r"\{(\w+)((?:,[^,{}]*)*)\}\s+(\S+)")


def read(path: Path, origin: Origin) -> LatencyTable:
    """Read rows of single convolutions.

    Raises:
        TableError: The file cannot be read, a line is no such row, a field is wrong, or a
            convolution occurs twice; names line and field.
    """
    return make_table(path, NAME, origin, _values(path, origin.precision), _NOTES)


_NOTES = (
    "every time is one number without samples: it has no interval and counts as unconverged",
)


def write(table: LatencyTable, path: Path) -> tuple[str, ...]:
    """Write the convolutions of a table; return what the format cannot hold."""
    lines, lost = [], []
    for key, workload in table.workloads.items():
        row = _row(workload.graph.nodes[0].spec) if len(workload.graph.nodes) == 1 else None
        if row is None:
            lost.append(workload.label)
            continue
        measured = table.measurements.get(key)
        lines.append(f"{row} {FAILED if measured is None else repr(measured.median_ms)}\n")
    write_atomically(path, "".join(lines).encode())
    return (
        "samples and intervals: one median a row",
        "device, engine, protocol and precision",
        *([f"{len(lost)} workloads that are no such convolution"] if lost else []),
    )


def holds(table: LatencyTable) -> int:
    """Return how many workloads of a table are such convolutions."""
    graphs = [workload.graph for workload in table.workloads.values()]
    return sum(len(g.nodes) == 1 and _row(g.nodes[0].spec) is not None for g in graphs)


def _values(path: Path, precision: str) -> Iterator[Value]:
    for number, line in text_lines(path):
        if not line.strip():
            continue
        place = f"line {number}"
        where = f"{path}, {place}"
        match = _ROW.fullmatch(line.strip())
        if match is None:
            raise TableError(
                f"{where}: {line[:80]!r} does not read {{type,{','.join(FIELDS)}}} milliseconds"
            )
        spec = _spec(where, match[1], match[2][1:].split(","), precision)
        if match[3] == FAILED:
            yield Value(place, spec, (), REASON)
        else:
            yield Value(place, spec, (positive_ms(where, "milliseconds", match[3]),))


def _spec(where: str, kind: str, texts: list[str], precision: str) -> ModuleSpec:
    if kind not in TYPES:
        raise TableError(f"{where}: type must be one of {', '.join(TYPES)}, got {kind!r}")
    if len(texts) != len(FIELDS):
        raise TableError(f"{where}: a row has {len(FIELDS)} numbers, got {len(texts)}")
    batch, in_c, in_h, in_w, out_c, kernel, stride, added = (
        _whole(where, name, text) for name, text in zip(FIELDS, texts, strict=True)
    )
    inputs = [TensorSpec((batch, in_c, in_h, in_w))]
    if added:
        inputs.append(TensorSpec((batch, out_c, _out(in_h, stride), _out(in_w, stride))))
    if kind == "Depthwise" and in_c != out_c:
        raise TableError(f"{where}: out_c must be in_c={in_c} where Depthwise, got {out_c}")
    try:
        return ModuleSpec.of(
            "conv",
            inputs,
            dtype=precision,
            batch=batch,
            in_channels=in_c,
            out_channels=out_c,
            kernel=kernel,
            stride=stride,
            groups=in_c if kind == "Depthwise" else 1,
            dilation=1,
            fused_add=added,
        )
    except SearchSpaceError as error:
        raise TableError(f"{where}: {error}") from error


def _whole(where: str, name: str, text: str) -> int:
    least = 0 if name == "fused_add" else 1
    if not text.isascii() or not text.isdigit() or not least <= int(text) < 2**31:
        raise TableError(f"{where}: {name} must be an int >= {least}, got {text!r}")
    return int(text)


def _out(size: int, stride: int) -> int:
    """Return the side of the map of an odd kernel, padded by half of it."""
    return (size - 1) // stride + 1


def _row(spec: ModuleSpec) -> str | None:
    """Return the row of a module, ``None`` for what the format cannot say."""
    if spec.kind != "conv" or spec.get_int("dilation") != 1:
        return None
    groups, in_c, out_c = (spec.get_int(n) for n in ("groups", "in_channels", "out_channels"))
    if groups != 1 and not groups == in_c == out_c:
        return None
    _, _, height, width = spec.inputs[0].shape
    numbers = (
        *(spec.batch, in_c, height, width, out_c),
        *(spec.get_int(name) for name in ("kernel", "stride", "fused_add")),
    )
    return f"{{{TYPES[groups > 1]},{','.join(map(str, numbers))}}}"
