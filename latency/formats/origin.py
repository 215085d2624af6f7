"""What a foreign file of latencies does not say: device, engine, precision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines import DeviceInfo, TimingProtocol
from searchspaces import Graph

from ..errors import TableError

UNKNOWN = "unknown"
# Short name -> kind, the vendor's name, multiprocessors. Sources: NVIDIA's data sheets and
# architecture white papers of Volta, Turing, Ampere, Ada, Hopper.
DEVICES: dict[str, tuple[str, str, int]] = {
    "V100": ("cuda", "Tesla V100", 80),
    "T4": ("cuda", "Tesla T4", 40),
    "A100": ("cuda", "NVIDIA A100", 108),
    "A10": ("cuda", "NVIDIA A10", 72),
    "L4": ("cuda", "NVIDIA L4", 58),
    "H100": ("cuda", "NVIDIA H100", 132),
    "H200": ("cuda", "NVIDIA H200", 132),
}
_FIELDS = ("kind", "name", "cores")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Say where the times of a foreign file come from.

    Attributes:
        device: A key of :data:`DEVICES`, or ``KIND/NAME/CORES`` such as ``cuda/Tesla P4/20`` or
            ``cpu/Cortex-A76/4``; cores are a GPU's multiprocessors.
        precision: ``fp32``, ``fp16`` or ``int8``.
        engine: The runtime; ``unknown`` where nobody knows.
        engine_version: Its version.
        batch: Keep only modules of this batch size; ``None`` keeps all.
        graph: The network that a profile by layers is of: gives the layers' names their modules.
        layers: File of the layers' nodes, where their names do not say them.

    Raises:
        TableError: The device is neither known nor spelled out, or the batch is below 1.
        MeasurementError: Another field is out of range.
    """

    device: str
    precision: str = "fp32"
    engine: str = UNKNOWN
    engine_version: str = UNKNOWN
    batch: int | None = None
    graph: Graph | None = None
    layers: Path | None = None

    def __post_init__(self) -> None:
        _ = self.device_info, self.protocol
        if self.batch is not None and self.batch < 1:
            raise TableError(f"batch must be at least 1, got {self.batch}")

    @property
    def device_info(self) -> DeviceInfo:
        """Return the device; what nobody told is ``unknown``."""
        kind, name, cores = DEVICES.get(self.device) or _spelled_out(self.device)
        return DeviceInfo(
            kind=kind,
            name=name,
            uuid=UNKNOWN,
            cores=cores,
            engine=self.engine,
            engine_version=self.engine_version,
            driver=UNKNOWN,
            os=UNKNOWN,
            python=UNKNOWN,
        )

    @property
    def protocol(self) -> TimingProtocol:
        """Return the precision in a protocol of which nothing else is known."""
        return TimingProtocol(precision=self.precision)


def _spelled_out(text: str) -> tuple[str, str, int]:
    kind, _, rest = text.partition("/")
    name, _, cores = rest.rpartition("/")
    if not (kind and name and cores.isdecimal()):
        raise TableError(
            f"device {text!r} is not one of {', '.join(DEVICES)}; spell another one out as "
            f"{'/'.join(_FIELDS).upper()}, such as cuda/Tesla P4/20 or cpu/Cortex-A76/4"
        )
    return kind, name, int(cores)
