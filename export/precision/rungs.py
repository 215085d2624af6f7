"""One rung of the ladder: an engine of some precision, built, compared with torch, measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from engines import OnnxModel, TimingProtocol, get_backend
from searchspaces import IMAGE

from ..comparison.compare import Comparison, compare
from ..comparison.data import Progress
from ..comparison.tensors import look_inside
from ..gate.outcome import Outcome
from ..gate.tensors import judge_tensors
from ..graph.file import example_inputs
from ..records.latency import MeasuredLatency
from ..records.precision import PrecisionRow
from ..running.session import Session
from ..timing.measuring import first_images, measure_engine
from .lowerings import Lowering
from .meter import Alike, Recorded
from .sensitivity import ENGINE, Batch
from .strays import strayed_nodes

if TYPE_CHECKING:
    from engines import Engine

    from ..request.request import ExportRequest

FULL = "fp32"
EMULATOR = "onnxruntime"
"""Computes what is rounded to half precision: it keeps the graph's own casts."""


class Rungs:
    """Build engines of a detector in different precisions and compare each with torch.

    Args:
        request: What is exported.
        recorded: Torch on the images.
        progress: Called as ``progress(message, done, total)``.
    """

    def __init__(
        self, request: ExportRequest, recorded: Recorded, progress: Progress | None
    ) -> None:
        self._request = request
        self._recorded = recorded
        self._progress = progress

    @contextmanager
    def session(
        self, content: bytes, precision: str, *, emulated: bool = False
    ) -> Iterator[Session[Engine]]:
        """Open a model that is written in a precision.

        Args:
            content: The ONNX model.
            precision: That is written into it.
            emulated: Run it by `EMULATOR`, whatever the engine.

        Raises:
            EngineError: The engine refuses it.
        """
        request = self._request
        backend = get_backend(EMULATOR) if emulated else get_backend(*self._engine())
        model = OnnxModel(
            content,
            example_inputs(request.batch, request.preprocess.input_hw),
            name=request.origin.arch,
            written_in=precision,
        )
        with backend.build(
            model,
            precision=precision,
            threads=request.threads,
            device="cpu" if emulated else request.device,
        ) as engine:
            yield Session(
                engine, request.preprocess, request.postprocess, request.labels, request.batch
            )

    def compared(
        self,
        content: bytes,
        precision: str,
        arithmetic: str,
        nodes: tuple[int, int],
        *,
        emulated_in: str | None = None,
    ) -> tuple[PrecisionRow, Comparison]:
        """Return a rung's row.

        Args:
            content: The ONNX model.
            precision: Of the row.
            arithmetic: What is computed in, in words.
            nodes: How many are lowered, and how many could be and are not.
            emulated_in: Precision of the model that emulates the rung; its latency says nothing.

        Raises:
            EngineError: The engine cannot be built, run or measured.
            DetectError: It gives something else than detections.
        """
        emulated = emulated_in is not None
        with self.session(content, emulated_in or precision, emulated=emulated) as session:
            if self._progress is not None:
                self._progress(f"comparing {precision} ({arithmetic})", 0, 1)
            found = compare(
                self._recorded.replay(),
                session,
                self._recorded.data,
                self._progress,
                iou=self.alike(precision).iou,
            )
            measured = None if emulated else self._measure(session.engine, precision)
        return row_of(precision, arithmetic, nodes, found, measured), found

    def alike(self, precision: str) -> Alike:
        """Return how alike detections must be for the gate to pass an engine of a precision."""
        limits = self._request.limits
        return Alike(precision, limits.min_matched, limits.max_score_difference)

    def is_right_inside(self, content: bytes, precision: str, batches: Sequence[Batch]) -> bool:
        """Return whether the gate would not fail the engine's modules, looked at one by one."""
        request = self._request
        with TemporaryDirectory(prefix="detfit-") as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(content)
            report = look_inside(
                request.detector.eval(),
                path,
                [batch[IMAGE] for batch in batches],
                engine=request.engine,
                precision=precision,
                threads=request.threads,
                device=request.device,
            )
        return judge_tensors(report, precision).outcome is not Outcome.FAIL

    def strayed(
        self, lowering: Lowering, batches: Sequence[Batch]
    ) -> Callable[[], Mapping[str, float]] | None:
        """Return what finds the nodes whose input the engine makes something else of.

        ``None`` for the engine that others are compared with.
        """
        if self._request.engine == ENGINE:
            return None

        @contextmanager
        def build(content: bytes) -> Iterator[Engine]:
            with self.session(content, lowering.precision) as session:
                yield session.engine

        return partial(strayed_nodes, lowering, build, batches, threads=self._request.threads)

    def _engine(self) -> tuple[str, tuple[str, ...]]:
        return self._request.engine, self._request.engine_options

    def _measure(self, engine: Engine, precision: str) -> MeasuredLatency:
        wanted = self._request.protocol or TimingProtocol()
        protocol = replace(wanted, threads=self._request.threads, precision=precision)
        inputs = first_images(self._recorded.data, self._request.batch)
        return MeasuredLatency.of(measure_engine(engine, protocol, inputs))


def row_of(
    precision: str,
    arithmetic: str,
    nodes: tuple[int, int],
    found: Comparison,
    measured: MeasuredLatency | None,
) -> PrecisionRow:
    """Return the row of an engine that was compared; see `PrecisionRow`."""
    rows = tuple(row for row in found.accuracy.rows if "AP" in row.metric)
    lowered, kept = nodes
    return PrecisionRow(
        precision, arithmetic, lowered, kept, rows, found.parity.matched_fraction, measured
    )
