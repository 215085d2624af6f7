"""What a report's numbers depend on, as names and values for people."""

from __future__ import annotations

from collections.abc import Mapping

from ..bundle.manifest import Manifest

Provenance = tuple[tuple[str, str], ...]


def manifest_provenance(manifest: Manifest) -> Provenance:
    """Return what a bundle's numbers depend on."""
    engine, origin, limits = manifest.engine, manifest.origin, manifest.limits
    data = manifest.accuracy
    return (
        ("architecture", origin.arch),
        *flat("space", origin.options),
        ("seed", "not recorded" if origin.seed is None else str(origin.seed)),
        ("engine", f"{engine.name} {engine.version}"),
        ("precision", engine.precision),
        ("batch", str(engine.batch)),
        ("threads", str(engine.threads)),
        ("runs on", engine.runs_on),
        ("machine", engine.machine),
        *flat("device", engine.device),
        ("measurement", _stability(manifest)),
        (
            "verified on",
            f"{data.data}, {data.images} images" if data and data.images else "no data",
        ),
        ("allowed loss of AP", f"{limits.max_ap_drop:g} points"),
        ("allowed distance from the prediction", f"{limits.prediction_tolerance:.0%}"),
        ("created", manifest.created),
        ("detfit", manifest.detfit_version),
    )


def flat(prefix: str, values: Mapping[str, object]) -> Provenance:
    """Return nested settings as rows; those without a value are left out."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows.extend(flat(f"{prefix} {name}", value))
        elif value is not None:
            rows.append((f"{prefix} {name}".replace("_", " "), str(value)))
    return tuple(rows)


def _stability(manifest: Manifest) -> str:
    if manifest.measured is None:
        return "not measured"
    return "; ".join(manifest.measured.unstable) or "stable"
