"""The exact minimum over spaces whose networks differ in the number of their blocks.

Both rules hold for every sum over modules: equal modules (equal ``node_tokens``) cost the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from searchspaces import Architecture, CrNasSpace, SmNasModularSpace

from .minimum import CHECKS, Minimum, Values, agree, least

if TYPE_CHECKING:
    from searchspaces import SearchSpace

Groups = tuple[str, ...]
Kind = tuple[int, bool]
"""Stage of a block, and whether it stands behind the first there."""

GROUPS, DOUBLINGS = 4, 3  # of a coded backbone; SM-NAS, stage two
FEW_BLOCKS = 6  # so many blocks are arranged in 200 ways; the paper's least number is 5


def least_dilations(
    space: SearchSpace, values: Values, rng: np.random.Generator, most: int
) -> Minimum | None:
    """Minimise over a space of CR-NAS with stages and dilations; ``None`` for any other.

    What a dilation costs depends on the stage and on whether the block is the first there, not on
    how many blocks the stages have: the best of every kind of block is found in one network. Then
    the stage codes are compared.
    """
    if not isinstance(space, CrNasSpace) or len(space.stage_codes.all) > most // 2:
        return None
    codes, choices = space.stage_codes.all, range(len(space.choices["dilation"]))
    shares: dict[tuple[Kind, int], float] = {}
    for kind in _kinds(space):
        deep = max(codes, key=lambda code, stage=kind[0]: _depths(space, code)[stage])  # type: ignore[misc]
        digits = [dict.fromkeys(_kinds(space), 0) | {kind: choice} for choice in choices]
        found = values([_with_dilations(space, deep, each) for each in digits])
        places = _network(space, deep).count(kind)
        shares |= {(kind, c): (found[c] - found[0]) / places for c in choices}
    if not _dilations_add_up(space, shares, values, rng):
        return None
    best = {k: min(choices, key=lambda c, k=k: shares[k, c]) for k in _kinds(space)}  # type: ignore[misc]
    return least([_with_dilations(space, code, best) for code in codes], values)


def _depths(space: CrNasSpace, code: Sequence[int]) -> tuple[int, ...]:
    return space.stage_codes.rule.depths(tuple(code))


def _network(space: CrNasSpace, code: Sequence[int]) -> list[Kind]:
    """Return the kind of every block, in order."""
    depths = enumerate(_depths(space, code))
    return [(stage, block > 0) for stage, depth in depths for block in range(depth)]


def _kinds(space: CrNasSpace) -> list[Kind]:
    """Return every kind of block that the space has."""
    return sorted({kind for code in space.stage_codes.all for kind in _network(space, code)})


def _with_dilations(
    space: CrNasSpace, code: Sequence[int], digit: dict[Kind, int]
) -> Architecture:
    return Architecture(space.name, (*code, *(digit[kind] for kind in _network(space, code))))


def _dilations_add_up(
    space: CrNasSpace,
    shares: dict[tuple[Kind, int], float],
    values: Values,
    rng: np.random.Generator,
) -> bool:
    searched = len(space.stage_codes.all[0])
    checked = [space.sample(rng) for _ in range(CHECKS)]
    plain = dict.fromkeys(_kinds(space), 0)
    sums = values([_with_dilations(space, _code(a, searched), plain) for a in checked])
    for row, arch in enumerate(checked):
        digits = map(int, arch.genes[searched:])
        blocks = zip(_network(space, _code(arch, searched)), digits, strict=True)
        sums[row] += sum(shares[block] for block in blocks)
    return agree(sums, values(checked))


def _code(arch: Architecture, searched: int) -> tuple[int, ...]:
    return tuple(map(int, arch.genes[:searched]))


def least_blocks(
    space: SearchSpace, values: Values, rng: np.random.Generator, most: int
) -> Minimum | None:
    """Minimise over SM-NAS' second stage; ``None`` for any other space.

    A regular block behind the first of its group changes no other module. Where each only adds
    its own time, none stands in the fastest backbone, unless the least number of blocks asks for
    it. The backbones that are left are compared.
    """
    if not isinstance(space, SmNasModularSpace) or space.limits.min_blocks > FEW_BLOCKS:
        return None
    shells = list(itertools.product(space.blocks, space.limits.bases, space.widths))
    fewest, longest = space.limits.min_blocks, space.limits.max_blocks
    lean = [each for each in _lean() if fewest <= len("".join(each)) <= longest]
    groups = dict.fromkeys((*lean, *_all_of(fewest)))
    if len(groups) * len(shells) > most or not _spare_blocks_add_up(space, values, rng):
        return None
    found = [_backbone(space, shell, each) for shell in shells for each in groups]
    return least(found, values)


def _backbone(
    space: SmNasModularSpace, shell: tuple[str, int, int], groups: Groups
) -> Architecture:
    block, base, width = shell
    return Architecture(space.name, (block, base, *groups, width))


def _shares() -> Iterator[tuple[int, ...]]:
    """Share the doublings out to the groups."""
    for ends in itertools.combinations_with_replacement(range(DOUBLINGS + 1), GROUPS - 1):
        yield tuple(b - a for a, b in itertools.pairwise((0, *ends, DOUBLINGS)))


def _lean() -> Iterator[Groups]:
    """Give the groups without a regular block behind the first: ``1``, ``2``.. or ``12``.."""
    for counts in _shares():
        yield from itertools.product(*(("2" * n, "1" + "2" * n) if n else ("1",) for n in counts))


def _all_of(blocks: int) -> Iterator[Groups]:
    """Give all groups of so many blocks."""
    for places in itertools.combinations(range(blocks), DOUBLINGS):
        text = "".join("2" if place in places else "1" for place in range(blocks))
        for cuts in itertools.combinations(range(1, blocks), GROUPS - 1):
            yield tuple(text[a:b] for a, b in itertools.pairwise((0, *cuts, blocks)))


def _spare_blocks_add_up(
    space: SmNasModularSpace, values: Values, rng: np.random.Generator
) -> bool:
    """Return whether every spare block costs no less than nothing, and the same everywhere."""
    kinds: dict[tuple[object, ...], tuple[Architecture, Architecture]] = {}
    for block, base in itertools.product(space.blocks, space.limits.bases):
        shell = (block, base, space.widths[0])
        for stage, doublings, fewer, more in _spare(space):
            pair = (_backbone(space, shell, fewer), _backbone(space, shell, more))
            kinds.setdefault((block, base, stage, doublings), pair)
    fewer_ms = values([fewer for fewer, _ in kinds.values()])
    costs = values([more for _, more in kinds.values()]) - fewer_ms
    if (costs < 0.0).any():
        return False
    cost_of = dict(zip(kinds, costs.tolist(), strict=True))
    sampled = [without for _ in range(CHECKS) if (without := _spared(space.sample(rng), space))]
    if not sampled:
        return True
    whole = values([arch for arch, _, _ in sampled])
    sums = values([fewer for _, fewer, _ in sampled]) + [cost_of[k] for _, _, k in sampled]
    return agree(sums, whole)


def _spare(space: SmNasModularSpace) -> Iterator[tuple[int, int, Groups, Groups]]:
    """Give group and doublings before it of every kind of spare block, without and with it."""
    for counts in _shares():
        plain = tuple("2" * n or "1" for n in counts)
        before = 0
        for stage, count in enumerate(counts):
            own = "1" + "2" * count
            padding = "1" * max(0, space.limits.min_blocks - len("".join(plain)))
            for place in range(count + 1):
                fewer, more = (
                    own[: place + 1] + padding + spare + own[place + 1 :] for spare in ("", "1")
                )
                groups = [(*plain[:stage], each, *plain[stage + 1 :]) for each in (fewer, more)]
                if len("".join(groups[1])) <= space.limits.max_blocks:
                    yield stage, before + place, groups[0], groups[1]
            before += count


def _spared(
    arch: Architecture, space: SmNasModularSpace
) -> tuple[Architecture, Architecture, tuple[object, ...]] | None:
    """Return an architecture, the same without one spare block, and the kind of that block."""
    block, base, *groups, width = arch.genes
    doublings = 0
    for stage, group in enumerate(map(str, groups)):
        place = group.find("1", 1)
        before = doublings + group[:place].count("2")
        doublings += group.count("2")
        if place > 0:
            shorter = [*groups[:stage], group[:place] + group[place + 1 :], *groups[stage + 1 :]]
            fewer = replace(arch, genes=(block, base, *shorter, width))
            if space.is_valid(fewer):
                return arch, fewer, (block, base, stage, before)
    return None
