"""Releases of TensorRT, ranges of them, and which ones the rules speak of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import CheckError

Release = tuple[int, int]

RELEASES: tuple[Release, ...] = (
    *((8, minor) for minor in (4, 5, 6)),
    *((9, minor) for minor in range(4)),
    *((10, minor) for minor in range(17)),
    *((11, minor) for minor in range(2)),
)
"""Releases that the rules speak of (branches of github.com/NVIDIA/TensorRT)."""

PRECISIONS = ("fp32", "fp16")


@dataclass(frozen=True, slots=True)
class Span:
    """Name a range of releases.

    Attributes:
        since: First release of the range.
        before: First release after it; None if it goes on.
    """

    since: Release = (0, 0)
    before: Release | None = None

    def __contains__(self, release: Release) -> bool:
        return self.since <= release and (self.before is None or release < self.before)

    def __str__(self) -> str:
        if self.before is None:
            return "all" if self.since == (0, 0) else f"from {release_text(self.since)}"
        if self.since == (0, 0):
            return f"before {release_text(self.before)}"
        return f"from {release_text(self.since)}, before {release_text(self.before)}"


EVERY = Span()


@dataclass(frozen=True, slots=True)
class Target:
    """Name what a graph is checked for.

    Attributes:
        release: Release whose rules apply.
        precision: ``fp32`` or ``fp16``; the latter adds the hazards of half precision.
        note: What of the request could not be taken literally; empty if nothing.

    Raises:
        CheckError: The precision is not one of these.
    """

    release: Release
    precision: str = "fp32"
    note: str = ""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise CheckError(
                f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}"
            )

    def __str__(self) -> str:
        return f"TensorRT {release_text(self.release)} {self.precision}"


def parse_release(text: str) -> Release:
    """Return major and minor release of ``8.6``, ``8.6.1``, ``10.11.0.33``.

    Raises:
        CheckError: It is no release number.
    """
    found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})(\.\d+)*", text.strip())
    if found is None:
        raise CheckError(f"TensorRT release must look like 8.6 or 10.4.0, got {text!r}")
    return int(found[1]), int(found[2])


def parse_target(text: str, precision: str = "fp32") -> Target:
    """Return what to check for, of a release as people write it.

    A major release alone (``11``, ``11.x``) and one newer than the rules mean the newest known
    release of that major; the target's note says so.

    Raises:
        CheckError: No rules are known for it; the message lists the releases.

    Examples:
        >>> parse_target("8.6.1").release
        (8, 6)
        >>> parse_target("11.x").release == max(RELEASES)
        True
    """
    major = re.fullmatch(r"(\d{1,3})(\.x)?", text.strip())
    release = (int(major[1]), 10**6) if major else parse_release(text)
    if release in RELEASES:
        return Target(release, precision)
    known = [known for known in RELEASES if known[0] == release[0]]
    if not known or release < known[0] or (release > known[-1] and release[0] == 8 and not major):
        raise CheckError(
            f"no rules are known for TensorRT {text}; known are {_known_text()} (newer releases "
            "of a major are checked by its newest rules)"
        )
    newest = release_text(known[-1])
    return Target(known[-1], precision, f"TensorRT {text} is checked by the rules of {newest}")


def release_text(release: Release) -> str:
    """Return a release as ``major.minor``."""
    return ".".join(map(str, release))


def _known_text() -> str:
    majors = sorted({major for major, _ in RELEASES})
    parts = ([r for r in RELEASES if r[0] == major] for major in majors)
    return ", ".join(f"{release_text(part[0])} to {release_text(part[-1])}" for part in parts)
