"""Measure what another table holds, made and timed likewise, so that both can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines import COLD, DeviceInfo, cache_of_version, option_texts
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
EMPTY = "empty"  # timing cache to begin with
MOST_DRAWN = 1000  # detectors among which those of a table are looked for


@dataclass(frozen=True, slots=True)
class LikeProfile:
    """Say how a table's workloads are measured again.

    Attributes:
        space: Of the table.
        space_options: What it was made with.
        config: As the table was measured.
        engine: The table's.
        engine_options: How it built, each ``NAME=VALUE``, or as was asked for instead.
    """

    space: SearchSpace
    space_options: Mapping[str, Any]
    config: ProfileConfig
    engine: str
    engine_options: tuple[str, ...]


def profile_like(
    path: Path,
    config: ProfileConfig,
    *,
    device: str | None = None,
    replicates: int | None = None,
    engine: str | None = None,
    engine_options: Sequence[str] = (),
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
        engine: Another engine, which knows nothing of the table's options.
        engine_options: ``NAME=VALUE`` texts; the table's are taken for names that are not given.

    Raises:
        TableError: The table is missing or damaged.
        ProfileError: It holds several spaces, seeds or inputs, or nothing that a profile measured;
            or its engines were built with a timing cache, which was not given.
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
    if manifest.is_of_several_seeds or table.is_of_several_inputs:
        raise ProfileError(
            f"{path} was joined of tables whose models have other weights or were given other "
            "inputs; give --like the table of one after the other, and merge what comes of it"
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
        isolated=MODULE in roles or manifest.protocol.cache == COLD,
        replicates=replicates or replicates_of(table),
        active=False,
        near_ms=None,
        seed=manifest.seed,
        input_sets=config.input_sets if manifest.inputs else 0,
        like=path,
    )
    before = manifest.device
    built = tuple(engine_options)
    if engine in (None, before.engine):
        built = _options_like(path, before, built)
    return LikeProfile(space, options, like, engine or before.engine, built)


def _options_like(path: Path, device: DeviceInfo, given: Sequence[str]) -> tuple[str, ...]:
    """Return a table's engine options, those given instead of its own.

    Raises:
        ProfileError: The engines were built with a pinned timing cache, of which a table holds the
            first digits alone, and none was given.
    """
    found = {text.partition("=")[0]: text for text in (*option_texts(device.options), *given)}
    cache = cache_of_version(device.engine_version)
    if cache is not None and "timing_cache" not in found:
        if cache != EMPTY:
            raise ProfileError(
                f"{path} was measured with the timing cache {cache}...; give it by "
                "--engine-option timing_cache=FILE:SHA256, or another one on purpose "
                "(timing_cache=empty)"
            )
        found["timing_cache"] = f"timing_cache={EMPTY}"
    return tuple(found.values())


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
