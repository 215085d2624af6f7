"""Predict whole detectors on a device that is not at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from searchspaces import DetectorSpec, Graph, ModuleSpec

from ..errors import PredictorError
from ..prediction import CONFIDENCE, Latency, Modules, ModuleTime
from .device import FUSING, WIDER, SimulatedDevice
from .device_file import PREFIX, get_simulated_device, parse_simulated_device
from .efficiency import EFFICIENCIES, Efficiency
from .layers import Layer
from .roofline import Roofline
from .splits import split

CALIBRATED_FACTOR, UNCALIBRATED_FACTOR = 1.5, 2.0
"""What 90 % of times are to lie within, above and below the prediction: judged, not calibrated.
Single fp32 convolutions of the V100 measure 0.59 (5 %) to 1.45 (95 %) of it; sums spread less,
the five published detectors 0.89 to 1.10 of what is fitted without each. What no detector was
compared with, other devices and precisions, gets the second."""


@dataclass(frozen=True)
class SimulatedPredictor:
    """Sum rooflines of modules: for planning without the hardware, never a measurement.

    Attributes:
        device: What is simulated.
        precision: ``fp32``, ``fp16`` or ``int8``.
        engine: ``pytorch`` runs operator by operator; ``tensorrt`` and ``onnxruntime`` fuse.
        batch: Images per run.
        efficiencies: Of every type of arithmetic: what was fitted on the V100.
        mixed: Whether a layer runs in a wider type than ``precision`` where that is quicker, as
            TensorRT does unless it is told not to.

    Raises:
        PredictorError: Precision or engine are not the device's, or the batch is below 1.

    Example:
        >>> from searchspaces import parse_arch
        >>> space, arch = parse_arch("zoo:E2")
        >>> predictor = make_simulated("V100", "fp32")
        >>> bool(20 < predictor.predict_ms([space.detector(arch)])[0] < 80)
        True
    """

    device: SimulatedDevice
    precision: str = "fp32"
    engine: str = "pytorch"
    batch: int = 1
    efficiencies: Mapping[str, Efficiency] = field(default_factory=lambda: EFFICIENCIES)
    mixed: bool = True

    def __post_init__(self) -> None:
        if self.precision not in WIDER:
            raise PredictorError(
                f"precision must be one of {', '.join(WIDER)}, got {self.precision!r}"
            )
        if self.engine not in self.device.launch_us:
            raise PredictorError(
                f"{self.device.name} is simulated with {', '.join(self.device.launch_us)}, not "
                f"with {self.engine!r}"
            )
        if self.batch < 1:
            raise PredictorError(f"batch must be at least 1, got {self.batch}")

    @property
    def simulated(self) -> bool:
        """Return true: nothing that it gives was measured."""
        return True

    def predict(self, modules: Modules, confidence: float = CONFIDENCE) -> Latency:
        """Predict one detector; no share of it is measured, so ``coverage`` is 0.

        Args:
            modules: A detector, a graph, or modules with their counts.
            confidence: Of the interval.

        Raises:
            PredictorError: A kind of module cannot be simulated, or the confidence is none.
        """
        breakdown = tuple(
            ModuleTime(spec=spec, part=part, count=n, ms=n * self.module_ms(spec), measured=False)
            for (spec, part), n in self._counts(modules).items()
        )
        total = sum(item.ms for item in breakdown)
        factor = self.factor(confidence)
        return Latency(
            p50_ms=total,
            lo_ms=total / factor,
            hi_ms=total * factor,
            confidence=confidence,
            breakdown=breakdown,
            coverage=0.0,
            unattributed_ms=0.0,
        )

    def predict_ms(self, detectors: Sequence[Modules]) -> npt.NDArray[np.float64]:
        """Predict the medians ``(n,)`` of several detectors.

        Raises:
            PredictorError: A kind of module cannot be simulated.
        """
        sums = [
            sum(n * self.module_ms(spec) for (spec, _), n in self._counts(modules).items())
            for modules in detectors
        ]
        return np.array(sums, dtype=np.float64)

    def upper_ms(self, modules: Modules, confidence: float = CONFIDENCE) -> float:
        """Return the latency that the detector stays below with the given confidence.

        Raises:
            PredictorError: A kind of module cannot be simulated, or the confidence is none.
        """
        _check_confidence(confidence)
        reach = self.factor(2 * confidence - 1) if confidence > 0.5 else 1.0
        return float(self.predict_ms([modules])[0]) * reach

    def module_ms(self, spec: ModuleSpec) -> float:
        """Return the milliseconds of one module: a prior where none was measured.

        It runs in the predictor's precision, whatever its own ``dtype`` says.

        Raises:
            PredictorError: Its kind cannot be simulated.
        """
        known = self._times.get(spec)
        if known is None:
            known = self._times[spec] = self._roofline.layers_ms(split(spec))
        return known

    def modules_ms(self, specs: Sequence[ModuleSpec]) -> npt.NDArray[np.float64]:
        """Return the milliseconds ``(n,)`` of modules, as fitted predictors do.

        Raises:
            PredictorError: A kind cannot be simulated.
        """
        return np.array([self.module_ms(spec) for spec in specs], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return all that decides a prediction as JSON-able fields."""
        return {"simulated": True, **asdict(self)}

    def layer_ms(self, layer: Layer) -> float:
        """Return the milliseconds of one layer."""
        return self._roofline.layer_ms(layer)

    def least_ms(self, spec: ModuleSpec) -> float:
        """Return what a module takes at the peak rates of the data sheet, at least."""
        return self._roofline.least_ms(split(spec))

    def factor(self, confidence: float) -> float:
        """Return how far above and below the prediction the interval reaches, as a factor.

        Errors are taken as log-normal, so that the factor at another confidence follows.

        Raises:
            PredictorError: The confidence does not lie between 0 and 1.
        """
        _check_confidence(confidence)
        checked = self.device.calibrated and self.precision == "fp32"
        at_90 = CALIBRATED_FACTOR if checked else UNCALIBRATED_FACTOR
        quantile = NormalDist().inv_cdf
        return float(at_90 ** (quantile((1 + confidence) / 2) / quantile(0.95)))

    @cached_property
    def _times(self) -> dict[ModuleSpec, float]:
        return {}

    @cached_property
    def _roofline(self) -> Roofline:
        return Roofline(self.device, self.engine, self.precision, self.efficiencies, self.mixed)

    def _counts(self, modules: Modules) -> dict[tuple[ModuleSpec, str], int]:
        counts: dict[tuple[ModuleSpec, str], int] = {}
        for key, count in self._pairs(modules):
            counts[key] = counts.get(key, 0) + count
        return counts

    def _pairs(self, modules: Modules) -> Iterable[tuple[tuple[ModuleSpec, str], int]]:
        if isinstance(modules, DetectorSpec | Graph):
            nodes = (
                modules.nodes(self.batch, self.precision)
                if isinstance(modules, DetectorSpec)
                else modules.nodes
            )
            return [((node.spec, node.part), 1) for node in nodes]
        items = modules.items() if isinstance(modules, Mapping) else modules
        return [((spec, ""), count) for spec, count in items]


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise PredictorError(f"confidence must lie between 0 and 1, got {confidence}")


def make_simulated(
    name: str,
    precision: str = "fp32",
    engine: str | None = None,
    batch: int = 1,
    specification: str = "",
) -> SimulatedPredictor:
    """Return the predictor of a device; ``NAME:ENGINE`` names the engine, too.

    Without an engine it is the first of the device's that has the precision: eager PyTorch, which
    the papers time, has no int8 on GPUs, so that int8 is TensorRT's.

    Args:
        name: ``V100``, ``V100:tensorrt`` or ``mine.json``; ``simulated:`` may stand before it.
        precision: ``fp32``, ``fp16`` or ``int8``.
        engine: Of the device's; ``None`` takes the name's, or chooses.
        batch: Images per run.
        specification: Of a device that does not ship with detfit, as :func:`specification_of`
            gives it; the name then is what messages call it.

    Raises:
        PredictorError: Device, precision or engine are unknown.
    """
    device_name, _, named = name.removeprefix(PREFIX).partition(":")
    if specification:
        device = parse_simulated_device(specification, f"the specification of {device_name}")
    else:
        device = get_simulated_device(device_name)
    fitting = [each for each in device.launch_us if precision != "int8" or FUSING[each]]
    return SimulatedPredictor(device, precision, named or engine or fitting[0], batch)


def simulated_ms(
    specs: Sequence[ModuleSpec],
    device: str,
    engine: str | None = None,
    precision: str = "fp32",
) -> npt.NDArray[np.float64]:
    """Return the milliseconds ``(n,)`` of modules on a simulated device.

    A prior where a table is sparse: what matters is how modules compare, the level comes from
    what was measured.

    Args:
        specs: The modules; each carries its own batch.
        device: A name of :func:`simulated_devices`, or a specification file.
        engine: Of the device's; ``None`` takes the first that has the precision.
        precision: ``fp32``, ``fp16`` or ``int8``.

    Raises:
        PredictorError: Device, engine, precision or a kind are unknown.

    Example:
        >>> from searchspaces import make_space, distinct_modules
        >>> modules, _ = distinct_modules(make_space("detnas-nano"))
        >>> ms = simulated_ms(modules, "CPU", "onnxruntime")
        >>> len(ms) == len(modules) and bool((ms > 0).all())
        True
    """
    return make_simulated(device, precision, engine).modules_ms(specs)
