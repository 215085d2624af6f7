"""All that measures: a space, a few probes of another device, an engine as it is delivered.

profiler.py      profile a space into a table file
config.py        what a profile is asked to measure, and for how long
plan.py          which workloads that comes down to, and in which order
agenda.py        what to measure next; active.py chooses what teaches most
like.py          measure what another table holds, to compare both
session.py       one sitting: ask what is next, have it measured, record, repeat the refused
site.py          where it is measured: build, time beside the sentinel, refuse
model_cache.py   ONNX forms on disk while a profile runs
transferring.py  a few detectors of another device, and a predictor there
visit.py         time an engine that was built elsewhere as a profile would
feedback.py      write what it measured into the table that its prediction came from
"""

from __future__ import annotations

from .agenda import Agenda, FixedAgenda, Task
from .config import ProfileConfig
from .feedback import (
    Recorded,
    WholeDetector,
    check_feedback,
    feed_back,
    table_protocol,
)
from .like import LikeProfile, profile_like
from .plan import aimed_at, make_agenda, plan_profile, sample_distinct
from .profiler import profile, profile_at
from .site import OpenSite, Site, site_here
from .transferring import (
    transfer,
    transfer_agenda,
    transfer_agenda_of,
    transfer_at,
    transfer_config,
)
from .visit import Sentinel, Visit

__all__ = [
    "Agenda",
    "FixedAgenda",
    "LikeProfile",
    "OpenSite",
    "ProfileConfig",
    "Recorded",
    "Sentinel",
    "Site",
    "Task",
    "Visit",
    "WholeDetector",
    "aimed_at",
    "check_feedback",
    "feed_back",
    "make_agenda",
    "plan_profile",
    "profile",
    "profile_at",
    "profile_like",
    "sample_distinct",
    "site_here",
    "table_protocol",
    "transfer",
    "transfer_agenda",
    "transfer_agenda_of",
    "transfer_at",
    "transfer_config",
]
