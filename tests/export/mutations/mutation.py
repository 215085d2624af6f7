"""A planted fault, as data, and what it is planted into."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import onnx

from detection import Detector, Preprocess, save_weights
from engines import Engine
from export import Bundle, Postprocess, Session, detector_to_onnx, write_bundle
from export.bundle.descriptions import labels_bytes
from export.bundle.integrity import LABELS, MODEL, POSTPROCESS, PREPROCESS, WEIGHTS
from export.files import json_bytes
from export.running.network import weights_info

if TYPE_CHECKING:
    from export import Manifest

WHERE = ("graph", "weights", "preprocessing", "postprocessing", "labels", "files")
RUNGS = ("refused", "graph", "tensors", "pipeline", "parity", "accuracy")
"""What may catch a fault, the lowest first; ``refused`` is an error instead of a verdict."""

ONE_STAGE, TWO_STAGE, HALF, INT8 = "one-stage", "two-stage", "one-stage fp16", "one-stage int8"
ONE, TWO = (ONE_STAGE,), (TWO_STAGE,)
BOTH = ONE + TWO
ANY = (*BOTH, HALF, INT8)
"""What of the specimens a fault can be planted into."""

DeployedSession = Session[Engine]


@dataclass(frozen=True)
class Specimen:
    """Hold a good bundle that faults are planted into.

    Attributes:
        kind: ``one-stage`` or ``two-stage``.
        bundle: As exported.
        detector: Its torch model.
        stale: The same network with older weights.
        data: Folder in COCO's layout.
    """

    kind: str
    bundle: Bundle
    detector: Detector
    stale: Detector
    data: Path


@dataclass
class Workpiece:
    """Hold the parts of a bundle while a fault is planted.

    Attributes:
        specimen: The good one.
        model: The graph that will be deployed.
        trusted: Whose weights the bundle will hold, which the gate trusts.
        preprocess: That the bundle will describe.
        postprocess: Likewise.
        labels: Likewise.
        runtime: What is changed about the session that runs the bundle.
        engine: Changes to the engine's record, such as its precision.
    """

    specimen: Specimen
    model: onnx.ModelProto
    trusted: Detector
    preprocess: Preprocess
    postprocess: Postprocess
    labels: tuple[str, ...]
    runtime: Callable[[DeployedSession], None] | None = None
    engine: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, specimen: Specimen) -> Workpiece:
        """Take a good bundle apart."""
        bundle = specimen.bundle
        model = onnx.load(bundle.onnx_path)
        return cls(
            specimen,
            model,
            specimen.detector,
            bundle.preprocess,
            bundle.postprocess,
            bundle.labels,
        )

    def rewrite(
        self,
        change: Callable[[Detector], None] = lambda detector: None,
        patches: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the graph anew from a changed copy of the torch model.

        Args:
            change: Changes the copy.
            patches: Names of the detection room that are others while the graph is written.
        """
        detector = copy.deepcopy(self.specimen.detector)
        change(detector)
        with ExitStack() as stack:
            for name, value in (patches or {}).items():
                stack.enter_context(patch(name, value))
            self.model = detector_to_onnx(detector, batch=self.specimen.bundle.engine.batch)

    def open_session(self, bundle: Bundle) -> DeployedSession:
        """Open a bundle with the changed runtime."""
        session = Session.open(bundle)
        if self.runtime is not None:
            self.runtime(session)
        return session

    def pack(self, folder: Path) -> Bundle:
        """Write the bundle, whose hashes are those of the changed files."""
        bundle = self.specimen.bundle
        manifest: Manifest = bundle.manifest
        engine = replace(manifest.engine, **self.engine)
        weights = folder.with_suffix(".safetensors")
        # What the gate trusts is noted by training; no fault of deployment reaches it.
        info = weights_info(manifest.origin, bundle.labels, bundle.preprocess)
        save_weights(weights, self.trusted, info)
        files: dict[str, bytes | Path] = {name: bundle.path / name for name in manifest.files}
        files |= {
            MODEL: self.model.SerializeToString(),
            WEIGHTS: weights,
            PREPROCESS: json_bytes(self.preprocess.to_json()),
            POSTPROCESS: json_bytes(self.postprocess.to_json()),
            LABELS: labels_bytes(self.labels),
        }
        changed = replace(manifest, engine=engine, num_classes=len(self.labels))
        return write_bundle(folder, changed, files)


@dataclass(frozen=True)
class Mutation:
    """Describe a planted fault.

    Attributes:
        name: Short and unique.
        plants: What is wrong, in words.
        where: One of `WHERE`.
        rung: The lowest of `RUNGS` that is expected to catch it.
        kinds: Specimens that it can be planted into.
        plant: Plants it.
    """

    name: str
    plants: str
    where: str
    rung: str
    kinds: tuple[str, ...]
    plant: Callable[[Workpiece], None]


@dataclass(frozen=True)
class Equivalent:
    """Describe a change of the graph that changes no output.

    Attributes:
        name: Short and unique.
        plants: What is other, in words.
        proof: Why it changes nothing.
        kinds: Specimens that it can be planted into.
        plant: Plants it.
    """

    name: str
    plants: str
    proof: str
    kinds: tuple[str, ...]
    plant: Callable[[Workpiece], None]
