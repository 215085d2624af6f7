"""Latency tables of Once-for-All and ProxylessNAS.

Source: mit-han-lab/once-for-all, ``latency_table.py``. YAML, one mapping of texts:

    expanded_conv-input:112x112x16-output:56x56x24-expand:6-kernel:3-stride:2-idskip:0-se:0-hs:0:
      {count: 100, mean: 1.234, var: 0.001}

Sides are height x width x channels at batch 1. ``expand`` is the ratio in ProxylessNAS' tables and
the hidden width in Once-for-All's: a number of at least the input's channels is taken as a width.
``mean`` is in milliseconds; ``count`` is the number of samples, ``var`` or ``std`` their spread.

An ``expanded_conv`` with kernel 3, no squeeze-and-excitation and no hard-swish is our
``inverted_residual``; nothing else of those keys has a module of ours (a ``Conv`` does not say its
kernel), and the manifest's notes name what was left out. In the other direction such blocks are
written with that key, other modules with our own, which no other program knows; a comment marks
what a module costs inside a detector, where it was not timed alone.

Lost on writing: samples (their number, mean and standard deviation stay), failures, device,
precision of the blocks, chains, detectors. Lost on reading: count and spread; the mean becomes the
one sample.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines import Measurement
from searchspaces import ModuleSpec, SearchSpaceError, TensorSpec, outputs_of, write_atomically

from ..errors import TableError
from ..tables.table import LatencyTable
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

if TYPE_CHECKING:
    import yaml

NAME = "ofa-yaml"
FIELDS = ("count", "mean", "var", "std")
_BLOCK = re.compile(
    r"expanded_conv-input:(\d+)x(\d+)x(\d+)-output:(\d+)x(\d+)x(\d+)-expand:(\d+)-kernel:(\d+)"
    r"-stride:(\d+)-idskip:([01])(?:-se:([01])-hs:([01]))?"
)


def read(path: Path, origin: Origin) -> LatencyTable:
    """Read a table of Once-for-All.

    Raises:
        TableError: The file is no such YAML, a key occurs twice, or a field is missing or wrong;
            names line and field.
    """
    notes = ["every time is a mean without samples: it has no interval, counts as unconverged"]
    return make_table(path, NAME, origin, _values(path, origin, notes), notes)


def write(table: LatencyTable, path: Path) -> tuple[str, ...]:
    """Write the modules of a table; return what the format cannot hold."""
    lines, own, remarks = [], 0, remarks_of(table)
    for spec, measured in table.entries.items():
        key = block_key(spec)
        own += key is None
        remark = f"  # {remarks[spec]}" if spec in remarks else ""
        lines.append(f"{_quoted(key or spec.key)}: {_statistics(measured)}{remark}\n")
    write_atomically(path, "".join(lines or ["{}\n"]).encode())
    failed = sum(row.workload.role == MODULE for row in table.failures)
    return (
        "samples: their number, mean and standard deviation stay",
        "device, engine and protocol",
        *([f"{own} modules have no key of Once-for-All and stand by detfit's own"] if own else []),
        *([f"{failed} failures"] if failed else []),
        *other_roles(table),
    )


def block_key(spec: ModuleSpec) -> str | None:
    """Return the key of Once-for-All of a module, ``None`` where it has none."""
    if spec.kind != "inverted_residual" or spec.batch != 1:
        return None
    if spec.get_int("dilation") != 1 or spec.get_str("norm") != "bn":
        return None
    (_, c_in, *hw_in), (_, c_out, *hw_out) = spec.inputs[0].shape, outputs_of(spec)[0].shape
    hidden, stride = spec.get_int("hidden_channels"), spec.get_int("stride")
    ratio, rest = divmod(hidden, c_in)
    expand = hidden if rest or ratio >= c_in else ratio
    if _hidden(expand, c_in) != hidden:
        return None
    skip = int(stride == 1 and c_in == c_out)
    return (
        f"expanded_conv-input:{_sides(hw_in, c_in)}-output:{_sides(hw_out, c_out)}-expand:{expand}"
        f"-kernel:3-stride:{stride}-idskip:{skip}-se:0-hs:0"
    )


def block_of_key(key: str, precision: str) -> ModuleSpec | None:
    """Return the module of a key of Once-for-All, ``None`` where we have none."""
    match = _BLOCK.fullmatch(key)
    if match is None:
        return None
    h_in, w_in, c_in, h_out, w_out, c_out, expand, kernel, stride, skip = map(
        int, match.groups()[:10]
    )
    if kernel != 3 or "1" in match.groups()[10:] or skip != (stride == 1 and c_in == c_out):
        return None
    try:
        spec = ModuleSpec.of(
            "inverted_residual",
            [TensorSpec((1, c_in, h_in, w_in))],
            dtype=precision,
            in_channels=c_in,
            hidden_channels=_hidden(expand, c_in),
            out_channels=c_out,
            stride=stride,
            dilation=1,
            norm="bn",
        )
        made = outputs_of(spec)[0].shape
    except SearchSpaceError:
        return None  # named among those left out
    return spec if made == (1, c_out, h_out, w_out) else None


def _hidden(expand: int, c_in: int) -> int:
    return expand if expand >= c_in else expand * c_in


def _sides(hw: list[int], channels: int) -> str:
    return "x".join(map(str, (*hw, channels)))


def _quoted(key: str) -> str:
    return "'" + key.replace("'", "''") + "'"


def _statistics(measured: Measurement) -> str:
    samples = measured.raw_ms
    spread = statistics.stdev(samples) if len(samples) > 1 else 0.0
    return f"{{count: {len(samples)}, mean: {statistics.fmean(samples)!r}, std: {spread!r}}}"


def _values(path: Path, origin: Origin, notes: list[str]) -> Iterator[Value]:
    foreign = []
    for line, key, fields in _entries(path):
        place = f"line {line}"
        where = f"{path}, {place}, {key}"
        unknown = sorted(fields.keys() - set(FIELDS))
        if unknown or "mean" not in fields:
            what = f"there is no field {', '.join(unknown)}" if unknown else "mean is missing"
            raise TableError(f"{where}: {what}; an entry holds {', '.join(FIELDS)}")
        ms = positive_ms(where, "mean", fields["mean"])
        for name in ("count", "var", "std"):
            _check_not_negative(where, name, fields.get(name, "0"))
        spec = spec_of_name(key) or block_of_key(key, origin.precision)
        if spec is None:
            foreign.append(f"{key} {ms:.4g} ms")
        else:
            yield Value(place, spec, (ms,))
    if foreign:
        notes.append(f"{len(foreign)} entries have no module here: {listed(foreign)}")


def _check_not_negative(where: str, name: str, text: str) -> None:
    try:
        zero = float(text) == 0
    except ValueError:
        zero = False
    if not zero:
        positive_ms(where, name, text)


def _entries(path: Path) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Yield line, key and fields of every entry.

    Only the tree of texts is read: no tag makes an object, no alias is followed twice.
    """
    from yaml import ScalarNode

    root = _tree(path)
    seen: dict[str, int] = {}
    for line, key, node in _pairs(path, root, "a mapping of keys to {count, mean, var}"):
        if key in seen:
            raise TableError(f"{path}, line {line}: repeats line {seen[key]} ({key})")
        seen[key] = line
        fields = {}
        for at, name, value in _pairs(path, node, "a mapping such as {count: 100, mean: 1.2}"):
            if not isinstance(value, ScalarNode) or name in fields:
                raise TableError(f"{path}, line {at}: {name} of {key} must be one number")
            fields[name] = str(value.value)
        yield line, key, fields


def _pairs(path: Path, node: Any, wanted: str) -> Iterator[tuple[int, str, Any]]:
    from yaml import MappingNode, ScalarNode

    if not isinstance(node, MappingNode):
        raise TableError(f"{path}, line {node.start_mark.line + 1}: this must be {wanted}")
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise TableError(f"{path}, line {line}: a key must be a text")
        yield line, key.value, value


def _tree(path: Path) -> yaml.Node:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(read_text(path), Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TableError(f"{path}, line {line}: this is no YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise TableError(f"{path} is no YAML: {error}") from error
    if root is None:
        raise TableError(f"{path} is empty; it must map keys to {{count, mean, var}}")
    return root
