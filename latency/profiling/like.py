"""Measure what another table holds, made and timed likewise, so that both can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines import option_texts
from searchspaces import SearchSpace, make_space

from ..errors import ProfileError
from ..tables.manifest import SEVERAL
from ..tables.table import LatencyTable
from ..tables.table_file import read_table
from ..workloads.workload import DETECTOR, MODULE
from .agenda import replicates_of
from .config import ProfileConfig
from .plan import sample_distinct

USUAL = ProfileConfig().detectors
MOST_DRAWN = 1000  # detectors among which those of a table are looked for


@dataclass(frozen=True, slots=True)
class LikeProfile:
    """Say how a table's workloads are measured again.

    Attributes:
        space: Of the table.
        space_options: What it was made with.
        config: As the table was measured.
        engine: The table's.
        engine_options: How it built, each ``NAME=VALUE``.
    """

    space: SearchSpace
    space_options: Mapping[str, Any]
    config: ProfileConfig
    engine: str
    engine_options: tuple[str, ...]


def profile_like(
    path: Path, config: ProfileConfig, *, device: str | None = None, replicates: int | None = None
) -> LikeProfile:
    """Return what it takes to profile again as a table was profiled.

    Space, seed, protocol, batch, workloads and replicates are the table's. What a data-dependent
    module is given is recorded in the detectors that the profile drew. How many it drew is told
    by those it measured; where it chose them in an order of its own, they are taken to be
    :data:`USUAL` at least.

    Args:
        path: The table; its recorded inputs stand beside it.
        config: Says what a table does not: minutes, whether exploratory, and where images and
            weights are that inputs were recorded with, should their file be missing.
        device: ``cpu`` or ``cuda:0``; the table's kind if None.
        replicates: How often to measure; as the table if None.

    Raises:
        TableError: The table is missing or damaged.
        ProfileError: It holds several spaces, or nothing that a profile measured.
        SearchSpaceError: There is no such space: the table was not profiled.
    """
    table = read_table(path)
    manifest = table.manifest
    roles = {row.workload.role for row in table.rows if not row.delivered}
    if not roles:
        raise ProfileError(f"{path} holds nothing that a profile measured; name another --like")
    if manifest.space["name"] == SEVERAL:
        raise ProfileError(
            f"{path} was joined of several spaces ({manifest.space_names}); give --like the table "
            "of one after the other, and merge what comes of it"
        )
    options = {name: value for name, value in manifest.space.items() if name != "name"}
    space = make_space(str(manifest.space["name"]), **options)
    like = replace(
        config,
        protocol=manifest.protocol,
        device=device or _first_of(manifest.device.kind),
        batch=manifest.batch,
        detectors=max(_drawn(space, table), int(roles == {DETECTOR})),
        modules=roles != {DETECTOR},
        all_chains=roles != {DETECTOR},  # the agenda names them
        isolated=MODULE in roles,
        replicates=replicates or replicates_of(table),
        active=False,
        near_ms=None,
        seed=manifest.seed,
        input_sets=config.input_sets if manifest.inputs else 0,
        like=path,
    )
    engine = manifest.device
    return LikeProfile(space, options, like, engine.engine, option_texts(engine.options))


def _first_of(kind: str) -> str:
    """Return the device of a kind that is meant where nothing else is said."""
    return f"{kind}:0" if kind == "cuda" else "cpu"


def _drawn(space: SearchSpace, table: LatencyTable) -> int:
    """Return how many random detectors a profile drew: up to the last that it measured."""
    rows = [row for row in table.rows if not row.delivered]
    labels = {row.workload.label for row in rows if row.workload.role == DETECTOR}
    rng = np.random.default_rng(table.manifest.seed)
    drawn = sample_distinct(space, max(MOST_DRAWN, len(labels)), rng)
    found = [i for i, arch in enumerate(drawn) if f"{space.name}:{space.encode(arch)}" in labels]
    last = 1 + max(found, default=-1)
    chosen = rows[0].workload.role == DETECTOR and len(labels) < len(table.workloads)
    return max(last, USUAL) if chosen else last
