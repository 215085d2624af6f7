"""Build OpenVINO engines; loads openvino only when asked to build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .._imports import missing_reason
from ..base import Arrays, EngineBase, Model, NamedOutputs, check_build, inner_tensors_of
from ..device import DeviceInfo, cpu_device, require_cpu
from ..lowering import lower
from ..options import Option, options_text, parse_options
from .arithmetic import check_half, half_warnings, hint_of
from .engine import INSTALL, OpenVinoEngine, compile_onnx, tensor_names, version
from .options import OPTIONS, OpenVinoOptions


class OpenVinoBackend:
    """Run ONNX models with OpenVINO's CPU plugin.

    Args:
        options: How to build; part of the device's identity where they are not the defaults.

    Example:
        >>> OpenVinoBackend().name
        'openvino'
    """

    name = "openvino"

    def __init__(self, options: OpenVinoOptions | None = None) -> None:
        self._options = options or OpenVinoOptions()

    @property
    def known_options(self) -> Mapping[str, Option]:
        """Return the options by name."""
        return OPTIONS

    def with_options(self, texts: Sequence[str]) -> OpenVinoBackend:
        """Return such a backend with other options, each ``NAME=VALUE``.

        Raises:
            EngineBuildError: A name or a value is none that it takes; the message lists those.
        """
        return OpenVinoBackend(OpenVinoOptions(**parse_options(self.name, OPTIONS, texts)))

    def unavailable_reason(self) -> str | None:
        """Return why openvino cannot be used here, with the pip line; None if it can."""
        return missing_reason("openvino", INSTALL)

    def probe(self, device: str = "cpu") -> DeviceInfo:
        """Load openvino and describe the CPU as its engines do.

        Raises:
            EngineBuildError: ``device`` is not the CPU.
            EngineUnavailableError: openvino is not installed, or does not load.
        """
        require_cpu("openvino", device)
        info = cpu_device(self.name, version())
        return replace(info, options=options_text(OPTIONS, self._options))

    def build(
        self,
        model: Model,
        *,
        precision: str = "fp32",
        threads: int = 1,
        device: str = "cpu",
        calibration: Iterable[Arrays] | None = None,
    ) -> EngineBase:
        """Build an engine from ``model.onnx_bytes()``.

        Args:
            model: What to run.
            precision: ``fp32``, also where the CPU has bfloat16, which OpenVINO would then use;
                ``fp16``, which computes as the option ``half`` says; or ``int8`` (products, as
                Q/DQ). A model that is written in the precision is left as it is.
            threads: Threads of one inference; OpenVINO takes no more than there are processors.
            device: ``cpu``.
            calibration: For int8: arrays by input name, one mapping per batch. If None the
                model's example inputs: their latency is right, their accuracy is not.

        Raises:
            EngineBuildError: Another precision or device, or a model that OpenVINO refuses.
            EngineUnavailableError: openvino is not installed.
        """
        check_build(self.name, precision, threads)
        info = self.probe(device)
        check_half(precision, self._options.half)
        lowered = lower(model, precision, calibration)
        content, hint = lowered.content, hint_of(precision, self._options.half)
        examples = model.example_inputs()
        known = tuple(model.output_names) if isinstance(model, NamedOutputs) else ()
        # A model that knows its names saves reading the graph, and needing onnx for that.
        names = (set(examples), known) if known else tensor_names(content)
        inner = inner_tensors_of(model)
        built = OpenVinoEngine(
            compile_onnx(content, threads, model.name, self._options, hint, inner=inner),
            content,
            names,
            self._options,
            device=info,
            precision=precision,
            hint=hint,
            threads=threads,
            inner=inner,
            examples=examples,
        )
        built.warnings = (*lowered.warnings, *half_warnings(precision, hint))
        return built
