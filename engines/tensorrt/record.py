"""What a plan was built from and how, in texts that a bundle's manifest keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

from ..errors import EngineBuildError
from .limits import Capability

NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """Record a build; every field is a text, so that whatever reads JSON can compare them.

    Attributes:
        tensorrt: Release that built the plan and alone loads it, such as ``10.4.0``.
        capability: Compute capability that it runs on, such as ``7.0``.
        typing: ``weak`` (the builder chooses types within flags) or ``strong`` (the graph says).
        flags: Builder flags that were set, as TensorRT names them, separated by spaces.
        level: Optimisation level.
        workspace_bytes: Most scratch memory; ``all`` for no limit.
        profile: Sizes of inputs that are open, ``image=1x3x64x64:2x3x64x64:4x3x64x64`` from least
            to most; ``none`` where all are fixed.
        timing_cache: SHA-256 of the timing cache that the build read; ``none`` without one.
        timing_cache_after: SHA-256 of the same cache with what the build added.
        calibration: SHA-256 of what TensorRT's calibrator found; ``none`` where the graph says it
            or nothing is int8.
        onnx: SHA-256 of the ONNX model as it was given.
        onnx_read: SHA-256 of the ONNX model as TensorRT read it.
        outputs: Types of the outputs in the ONNX model, in order, as a JSON object of names; the
            engine's own may differ (8.6 has no int64).
    """

    tensorrt: str
    capability: str
    typing: str
    flags: str
    level: str
    workspace_bytes: str
    profile: str
    timing_cache: str
    timing_cache_after: str
    calibration: str
    onnx: str
    onnx_read: str
    outputs: str

    def to_texts(self) -> dict[str, str]:
        """Return the fields by name; :meth:`from_texts` reads them back."""
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> BuildRecord:
        """Read what :meth:`to_texts` gave.

        Raises:
            EngineBuildError: A field is missing or unknown, or is no text.
        """
        names = {field.name for field in fields(cls)}
        wrong = sorted(names ^ set(texts))
        if wrong:
            raise EngineBuildError(
                f"the record of a TensorRT plan has missing or unknown fields: {', '.join(wrong)}"
            )
        odd = [name for name, text in texts.items() if not isinstance(text, str)]
        if odd:
            raise EngineBuildError(f"the record of a TensorRT plan: {odd[0]} must be a text")
        return cls(**texts)

    @property
    def output_dtypes(self) -> dict[str, str]:
        """Return the type of each output in the ONNX model, in order.

        Raises:
            EngineBuildError: The text has another form.
        """
        try:
            found = json.loads(self.outputs)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not all(dtype in _DTYPES for dtype in found.values()):
            raise EngineBuildError(
                "the record of a TensorRT plan: outputs must be a JSON object of types by name, "
                f"got {self.outputs!r}"
            )
        return found


_DTYPES = ("bool", "float16", "float32", "float64", "int8", "int32", "int64", "uint8")


def outputs_text(dtypes: Mapping[str, str]) -> str:
    """Return the field ``outputs``."""
    return json.dumps(dict(dtypes))


def capability_text(capability: Capability) -> str:
    """Return the field ``capability``.

    Example:
        >>> capability_text((7, 0))
        '7.0'
    """
    return ".".join(map(str, capability))


def digest(content: bytes | None) -> str:
    """Return the SHA-256 of bytes; ``none`` where there are none."""
    return NONE if content is None else hashlib.sha256(content).hexdigest()
