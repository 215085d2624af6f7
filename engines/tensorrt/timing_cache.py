"""TensorRT's timing cache, pinned by its SHA-256.

A builder times kernels and keeps the fastest; two builds of one model may keep different ones.
A timing cache makes builds repeat, so its content is part of what a latency belongs to.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from .._files import write_atomically
from ..errors import EngineBuildError

_SHOWN = 12  # hex digits that identify a cache in an engine's version
_EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class TimingCache:
    """Hold the content of a timing cache; it never changes.

    Builds read it. What a build adds is another cache (``TensorRtEngine.timing_cache``), which is
    written only by :meth:`save`.

    Attributes:
        content: As TensorRT serialises it; empty for a cache to begin with.
    """

    content: bytes = b""

    @classmethod
    def read(cls, path: Path | str, sha256: str) -> TimingCache:
        """Read a file and check that it is the pinned one.

        Args:
            path: The file.
            sha256: Its 64 hex digits, as :meth:`save` or ``sha256sum`` gives them.

        Raises:
            EngineBuildError: The file cannot be read, or is another one than pinned.
        """
        if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
            raise EngineBuildError(f"a SHA-256 has 64 hex digits, got {sha256!r}")
        try:
            cache = cls(Path(path).read_bytes())
        except OSError as error:
            raise EngineBuildError(
                f"cannot read the timing cache {path}: {error.strerror}"
            ) from error
        if cache.sha256 != sha256.lower():
            raise EngineBuildError(
                f"the timing cache {path} has SHA-256 {cache.sha256}, pinned is {sha256.lower()}: "
                "latencies built with it are others; restore the file, or pin the new one"
            )
        return cache

    @property
    def sha256(self) -> str:
        """Return the 64 hex digits that pin the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def label(self) -> str:
        """Return the first digits of :attr:`sha256`, or ``empty``."""
        return label_of(self.sha256)

    def save(self, path: Path | str) -> str:
        """Write the content, atomically, and return the SHA-256 to pin it by.

        Raises:
            EngineBuildError: It cannot be written there.
        """
        write_atomically(Path(path), self.content)
        return self.sha256


def engine_version(version: str, cache: TimingCache | None) -> str:
    """Return TensorRT's version together with the timing cache: the identity of an engine.

    Example:
        >>> engine_version("10.4.0", None), engine_version("10.4.0", TimingCache(b"abc"))
        ('10.4.0', '10.4.0 (timing cache ba7816bf8f01)')
    """
    return version_with(version, None if cache is None else cache.sha256)


def version_with(version: str, sha256: str | None) -> str:
    """Return the same from the SHA-256 of a timing cache; None for none."""
    return version if sha256 is None else f"{version} (timing cache {label_of(sha256)})"


def cache_of_version(version: str) -> str | None:
    """Return the label of the timing cache that an engine's version names; ``None`` without one.

    Example:
        >>> cache_of_version("10.4.0 (timing cache empty)"), cache_of_version("10.4.0")
        ('empty', None)
    """
    found = re.search(r" \(timing cache (\w+)\)$", version)
    return None if found is None else found[1]


def label_of(sha256: str) -> str:
    """Return the first digits of a SHA-256, or ``empty`` for that of no content."""
    return _EMPTY if sha256 == hashlib.sha256().hexdigest() else sha256[:_SHOWN]
