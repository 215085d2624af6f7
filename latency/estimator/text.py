"""An estimator as text inside a JSON file: arrays in NumPy's own format, packed and hashed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PredictorError
from .estimator import ModuleEstimator
from .family_arrays import family_from_arrays, family_to_arrays

SCHEMA = "detfit.module-estimator/4"
_MADE = (1980, 1, 1, 0, 0, 0)  # a fixed date: equal estimators are equal files


def estimator_to_fields(estimator: ModuleEstimator) -> dict[str, Any]:
    """Return JSON-able fields."""
    packed = _pack(
        {
            f"{index}.{name}": array
            for index, family in enumerate(estimator.families.values())
            for name, array in family_to_arrays(family).items()
        }
    )
    return {
        "schema": SCHEMA,
        "families": list(estimator.families),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "npz": base64.b64encode(packed).decode(),
    }


def estimator_from_fields(fields: Any) -> ModuleEstimator:
    """Read back what :func:`estimator_to_fields` gave.

    Raises:
        PredictorError: The schema is unknown or something is missing or damaged; says what.
    """
    schema = fields.get("schema") if isinstance(fields, Mapping) else None
    if schema != SCHEMA:
        raise PredictorError(
            f"estimator: schema {schema!r} is not {SCHEMA!r}, the one known here; "
            "fit the table again"
        )
    missing = {"families", "sha256", "npz"} - fields.keys()
    if missing:
        raise PredictorError(f"estimator: the field {sorted(missing)[0]!r} is missing")
    try:
        packed = base64.b64decode(fields["npz"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise PredictorError(f"estimator.npz: {error}") from error
    if hashlib.sha256(packed).hexdigest() != fields["sha256"]:
        raise PredictorError("estimator.npz does not match estimator.sha256: it was changed")
    arrays = _unpack(packed)
    families = {}
    for index, name in enumerate(fields["families"]):
        own = {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith(f"{index}.")}
        try:
            families[str(name)] = family_from_arrays(own)
        except PredictorError as error:
            raise PredictorError(f"estimator, family {name!r}: {error}") from error
    return ModuleEstimator(families)


def _pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            one = io.BytesIO()
            np.lib.format.write_array(one, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _MADE), one.getvalue())
    return packed.getvalue()


def _unpack(packed: bytes) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise PredictorError(f"estimator.npz: {error}") from error
