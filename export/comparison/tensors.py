"""Where torch and engine part: every module of the engine against torch on the same inputs.

The ONNX model is given the tensors between its modules as further outputs, and run on images by
the engine. Each torch module then gets what the engine's module got, so that an error shows in
the module that makes it and in no other, also behind a selection of boxes. What photographs do not
reach is probed with made-up inputs; see `probing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engines import EngineError, OnnxModel, get_backend
from latency import module_of_node
from searchspaces import IMAGE, reference

from ..gate.tensors import TensorReport, TensorRow
from .probing import probe_modules

if TYPE_CHECKING:
    import onnx

    from detection import Detector
    from engines import Backend, Engine

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

LOOKED_INTO = ("onnxruntime", "openvino")

SELECTING = ("proposals", "guided_proposals", "rcnn_detections", "retinanet_detections")
"""Kinds that sort by score: equal scores come out in any order, so that positions say nothing."""

BEHIND_SELECTION = 0.99
"""Share of the numbers that is compared behind a selection: of a box whose size lies just between
two levels of the pyramid, or whose two best classes tie, rounding decides what is computed."""


def look_inside(
    detector: Detector,
    onnx_path: Path,
    images: Sequence[Array],
    *,
    engine: str,
    precision: str,
    threads: int,
    device: str,
) -> TensorReport | None:
    """Compare the modules where the engine reads ONNX and is built in seconds.

    Args:
        detector: The torch model, in eval mode.
        onnx_path: The model that the engine is built from.
        images: (b, 3, h, w) float32 each; best of real photographs.
        engine: A name of ``engines.BACKENDS``.
        precision: As the engine was built.
        threads: Likewise.
        device: Likewise.

    Returns:
        ``None`` for an engine that is not looked into; a report with its error where the engine
        cannot be built with more outputs.
    """
    if engine not in LOOKED_INTO:
        return None
    try:
        return compare_tensors(
            detector,
            onnx_path.read_bytes(),
            get_backend(engine),
            images,
            precision=precision,
            threads=threads,
            device=device,
        )
    except EngineError as error:
        return TensorReport(error=str(error))


def compare_tensors(
    detector: Detector,
    onnx_model: bytes,
    backend: Backend,
    images: Sequence[Array],
    *,
    precision: str = "fp32",
    threads: int = 1,
    device: str = "cpu",
) -> TensorReport:
    """Compare the modules of a detector with those of the engine that its ONNX model makes.

    The engine is built anew with more outputs than the one that is delivered; it fuses less
    across modules.

    Args:
        detector: The torch model, in eval mode.
        onnx_model: The model, exported by `export_onnx`.
        backend: The engine's.
        images: (b, 3, h, w) float32 each, as preprocessing makes them; best of real photographs.
        precision: As for the engine.
        threads: Likewise.
        device: Likewise.

    Raises:
        EngineError: The engine cannot be built with more outputs, or not be run.
    """

    def build(model: OnnxModel) -> Engine:
        return backend.build(model, precision=precision, threads=threads, device=device)

    borders, plain, probe = _probe(onnx_model)
    name = "the model with its modules' tensors"
    with build(OnnxModel(probe, {IMAGE: images[0]}, name=name)) as engine:
        found = [
            _compare(detector, {IMAGE: image}, borders, _as_torch(engine.run({IMAGE: image})))
            for image in images
        ]
    probes = probe_modules(detector, plain, found[0].names, build, precision)
    rows = _worst_of(row for one in found for row in one.rows)
    return TensorReport(rows, found[0].unseen, probes=probes, images=len(images))


def _as_torch(seen: Arrays) -> dict[str, Array]:
    """Return tensors as torch's modules take them: what is stored in half as float32."""
    return {
        name: array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in seen.items()
    }


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What one image shows: the rows, the modules not seen, ONNX names by reference."""

    rows: tuple[TensorRow, ...]
    unseen: tuple[str, ...]
    names: dict[str, str]


def _worst_of(rows: Iterable[TensorRow]) -> tuple[TensorRow, ...]:
    """Return the worst row of every output, in the order of the first image."""
    worst: dict[str, TensorRow] = {}
    for row in rows:
        known = worst.setdefault(row.name, row)
        if row.relative > known.relative:
            worst[row.name] = row
    return tuple(worst.values())


def _probe(content: bytes) -> tuple[dict[str, list[str]], onnx.ModelProto, bytes]:
    """Return the tensors that leave each module, the model, and it with these as outputs."""
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    maker = {name: module_of_node(node.name) for node in model.graph.node for name in node.output}
    leaving = {value.name for value in model.graph.output}
    for node in model.graph.node:
        mine = module_of_node(node.name)
        leaving |= {name for name in node.input if name in maker and maker[name] != mine}
    borders: dict[str, list[str]] = {}
    for name, module in maker.items():
        if module is not None and name in leaving:
            borders.setdefault(module, []).append(name)
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    _add_outputs(probe, [name for names in borders.values() for name in names])
    return borders, model, probe.SerializeToString()


def _add_outputs(model: onnx.ModelProto, names: list[str]) -> None:
    known = {value.name: value for value in model.graph.value_info}
    present = {value.name for value in model.graph.output}
    for name in names:
        if name in known and name not in present:
            model.graph.output.append(known[name])


def _compare(
    detector: Detector, values: Arrays, borders: Mapping[str, list[str]], seen: Arrays
) -> _Comparison:
    import torch

    known, names = dict(values), {name: name for name in values}
    rows: list[TensorRow] = []
    unseen: list[str] = []
    behind: set[str] = set()  # references that depend on a selection
    for node in detector.graph.nodes:
        if not all(name in known for name in node.inputs):
            unseen.append(node.name)
            continue
        with torch.inference_mode():
            made = detector.nodes[node.name](*(torch.from_numpy(known[n]) for n in node.inputs))
        outputs = [tensor.numpy() for tensor in (made if isinstance(made, tuple) else (made,))]
        selected = node.spec.kind in SELECTING or not behind.isdisjoint(node.inputs)
        left = {name: seen[name] for name in borders.get(node.name, ()) if name in seen}
        for index, wanted in enumerate(outputs):
            name = _closest(wanted, left)
            if name is None:
                continue  # nothing reads this output; what does would be unseen
            output = reference(node.name, index)
            known[output], names[output] = left.pop(name), name
            if selected:
                behind.add(output)
            if node.spec.kind not in SELECTING and wanted.dtype.kind == "f":
                share = BEHIND_SELECTION if selected else 1.0
                row = _row(output, node.part, node.spec.kind, wanted, known[output], share)
                rows.append(row)
    return _Comparison(tuple(rows), tuple(unseen), names)


def _closest(wanted: Array, candidates: Arrays) -> str | None:
    """Return the name of the tensor of the same shape and kind that differs least."""
    alike = {
        name: _difference(wanted, array)
        for name, array in candidates.items()
        if array.shape == wanted.shape and array.dtype.kind == wanted.dtype.kind
    }
    return min(alike, key=lambda name: alike[name], default=None)


def _difference(wanted: Array, found: Array, share: float = 1.0) -> float:
    """Return the largest difference of the best ``share``; infinite if any is not finite."""
    if not wanted.size:
        return 0.0
    differences = np.abs(wanted.astype(np.float64) - found.astype(np.float64))
    if not np.isfinite(differences).all():
        return math.inf
    return float(differences.max() if share == 1 else np.quantile(differences, share))


def _row(name: str, part: str, kind: str, wanted: Array, found: Array, share: float) -> TensorRow:
    difference = _difference(wanted, found, share)
    one, other = wanted.astype(np.float64).ravel(), found.astype(np.float64).ravel()
    scale = float(np.abs(one).max(initial=0.0))
    relative = 0.0
    if difference > 0:
        relative = difference / scale if scale > 0 else math.inf
    norm = float(np.linalg.norm(one) * np.linalg.norm(other)) if math.isfinite(difference) else 0.0
    cosine = float(one @ other) / norm if norm > 0 else float(difference == 0)
    return TensorRow(name, part, kind, difference, relative, cosine)
