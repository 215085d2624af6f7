"""Which devices this machine has to train and to score on."""

from __future__ import annotations

CPU = "cpu"


def require_device(device: str) -> None:
    """Refuse a device that is not here, before any data is opened.

    Args:
        device: Such as ``cpu`` or ``cuda:0``; ``cuda`` is the first GPU.

    Raises:
        TrainingError: It is not here; names what is.
    """
    from detection import TrainingError

    here = devices_here()
    if device not in here and not (device == "cuda" and len(here) > 1):
        raise TrainingError(
            f"cannot train on device {device!r}, which this machine does not have; here are "
            f"{', '.join(here)}"
        )


def devices_here() -> tuple[str, ...]:
    """Return the CPU, then every GPU that torch sees."""
    import torch

    return (CPU, *(f"cuda:{number}" for number in range(torch.cuda.device_count())))
