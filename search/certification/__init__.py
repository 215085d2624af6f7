"""Which members of a run's front keep its budget on the engine itself.

run.py            certify a run
trial.py          its members one after the other, until the rest is certified
bench.py          where they are measured: here; cluster.py on a node that has the device
times.py          what was measured on one occasion
bound.py          what the next measurement stays below
certification.py  the record, RUN/certification.json; describe.py prints it
"""

from __future__ import annotations

from .bench import Bench, EngineBench
from .bound import pooled_spread, upper_bound_ms
from .certification import BuildTime, Candidate, Certification, load_certification
from .describe import describe_certification, view_certification
from .run import certify_run
from .trial import CertifySettings

__all__ = [
    "Bench",
    "BuildTime",
    "Candidate",
    "Certification",
    "CertifySettings",
    "EngineBench",
    "certify_run",
    "describe_certification",
    "load_certification",
    "pooled_spread",
    "upper_bound_ms",
    "view_certification",
]
