"""What a GPU can and cannot do with TensorRT: rules as data, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

Capability = tuple[int, int]
Release = tuple[int, int]

INSTALL = "'detfit[tensorrt]'"
INSTALL_VOLTA = "'detfit[tensorrt-v100]'"
VOLTA: Capability = (7, 0)
TURING: Capability = (7, 5)
ANY: Capability = (0, 0)
FUTURE: Capability = (1000, 0)


@dataclass(frozen=True, slots=True)
class Limit:
    """State what GPUs of a range of compute capabilities do with one thing.

    Attributes:
        subject: What it is about: ``tensorrt`` and ``cuda`` are versions, the rest is arithmetic.
        since: First compute capability that the rule speaks of.
        before: First compute capability that it no longer speaks of.
        last: Last release of ``subject`` that runs on such a GPU; None for arithmetic.
        supported: Whether the hardware has it; versions up to ``last`` are supported.
        source: Where this is written.
    """

    subject: str
    since: Capability
    before: Capability
    supported: bool
    source: str
    last: Release | None = None

    def covers(self, capability: Capability) -> bool:
        """Tell whether the rule speaks of a GPU."""
        return self.since <= capability < self.before


_NOTES = "docs.nvidia.com/deeplearning/tensorrt release notes"
_PROGRAMMING = "CUDA C++ Programming Guide, Compute Capabilities"

LIMITS = (
    Limit("tensorrt", VOLTA, TURING, True, f"{_NOTES} 10.4.0 and 10.5.0", last=(10, 4)),
    Limit("cuda", VOLTA, TURING, True, "CUDA 12.9 release notes, deprecated", last=(12, 9)),
    Limit("fp16 tensor cores", VOLTA, FUTURE, True, _PROGRAMMING),
    Limit("int8 tensor cores", ANY, (7, 2), False, _PROGRAMMING),
    Limit("int8 tensor cores", (7, 2), FUTURE, True, _PROGRAMMING),
    Limit("tf32", ANY, (8, 0), False, _PROGRAMMING),
    Limit("tf32", (8, 0), FUTURE, True, _PROGRAMMING),
    Limit("bf16", ANY, (8, 0), False, _PROGRAMMING),
    Limit("bf16", (8, 0), FUTURE, True, _PROGRAMMING),
)


def device_limits(capability: Capability) -> tuple[Limit, ...]:
    """Return the rules that speak of a GPU.

    Args:
        capability: Major and minor compute capability, ``(7, 0)`` for a V100.
    """
    return tuple(limit for limit in LIMITS if limit.covers(capability))


def install_line(capability: Capability | None) -> str:
    """Return what installs TensorRT for a GPU; for an unknown one, both lines."""
    if capability is None:
        return f"pip install {INSTALL} (on a V100: {INSTALL_VOLTA})"
    volta = any(limit.last is not None for limit in device_limits(capability))
    return f"pip install {INSTALL_VOLTA if volta else INSTALL}"


def version_problems(
    capability: Capability, *, tensorrt: Release | None = None, cuda: Release | None = None
) -> tuple[str, ...]:
    """Return why installed versions do not run on a GPU; empty if they do.

    Args:
        capability: Major and minor compute capability.
        tensorrt: Major and minor release, if known.
        cuda: Major and minor release of the CUDA runtime in use, if known.
    """
    found = {"tensorrt": tensorrt, "cuda": cuda}
    return tuple(
        f"{_NAMES[limit.subject]} {_text(version)} does not run on compute capability "
        f"{_text(capability)}; the last that does is {_text(limit.last)} ({limit.source})"
        for limit in device_limits(capability)
        if limit.last is not None
        and (version := found.get(limit.subject)) is not None
        and version > limit.last
    )


def precision_warning(capability: Capability, precision: str) -> str | None:
    """Return what a precision will not bring on a GPU, or None."""
    needed = f"{precision} tensor cores"
    for limit in device_limits(capability):
        if limit.subject == needed and not limit.supported:
            return (
                f"a GPU of compute capability {_text(capability)} has no {needed}: "
                f"{precision} may be no faster than fp16 there ({limit.source})"
            )
    return None


_NAMES = {"tensorrt": "TensorRT", "cuda": "CUDA"}


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
