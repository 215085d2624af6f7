"""SM-NAS' notation of a coded backbone: ``basicblock_64_1-21-21-12``.

Source: SM-NAS (Yao et al., AAAI 2020), stage two; the limits are those of the codec that the
authors' group released (vega, ``resnet_variant_det_codec.py``), which every published code obeys.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ...errors import ArchitectureError, SearchSpaceError
from ...parts import CODED_BLOCKS, STAGES, CodedBackbone
from .faults import either, fault

DOUBLINGS = 3
BASES = (48, 56, 64, 72)
"""SM-NAS, stage two: channels before the first doubling."""

EXAMPLE = "basicblock_64_1-21-21-12"  # E0
_CACHE = 65_536  # backbones whose widths are kept: a search compares each with many others


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """Bound the codes of a space: four groups, three doublings anywhere, and these.

    Attributes:
        bases: Base channels allowed.
        min_blocks: Least blocks of all groups together.
        max_blocks: Most blocks of all groups together.

    Raises:
        SearchSpaceError: Some placement of the doublings would have no room.
    """

    bases: tuple[int, ...] = BASES
    min_blocks: int = 5
    max_blocks: int = 35

    def __post_init__(self) -> None:
        # Three doublings in one group and a block in each of the others: 3 + 3 blocks.
        if not (STAGES <= self.min_blocks <= self.max_blocks >= STAGES + DOUBLINGS - 1):
            raise SearchSpaceError(
                f"limits need {STAGES} <= min_blocks <= max_blocks and max_blocks >= "
                f"{STAGES + DOUBLINGS - 1}, got {self.min_blocks} and {self.max_blocks}"
            )

    def hold(self, groups: tuple[object, ...]) -> bool:
        """Return whether groups are written in 1 and 2 and keep to the counts."""
        if len(groups) != STAGES or not all(isinstance(g, str) and g for g in groups):
            return False
        text = "".join(map(str, groups))
        doublings = text.count("2")
        return (
            doublings == DOUBLINGS
            and text.count("1") + doublings == len(text)
            and self.min_blocks <= len(text) <= self.max_blocks
        )


PUBLISHED = CodeLimits()
"""The limits of the paper's space."""


@dataclass(frozen=True, slots=True)
class BackboneCode:
    """Hold a coded backbone: block type, base channels and the blocks of its four groups.

    Attributes:
        block: One of :data:`searchspaces.CODED_BLOCKS`.
        base: Channels before the first doubling.
        groups: Text of ``1`` (regular block) and ``2`` (block that doubles the channels), one
            per stride 4, 8, 16 and 32.

    Example:
        >>> code = BackboneCode.parse("basicblock_64_1-21-21-12")
        >>> code.depths, code.doublings, str(code)
        ((1, 2, 2, 2), (1, 3, 6), 'basicblock_64_1-21-21-12')
    """

    block: str
    base: int
    groups: tuple[str, ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """Return the number of blocks per stage."""
        return tuple(map(len, self.groups))

    @property
    def depth(self) -> int:
        """Return the number of blocks."""
        return sum(self.depths)

    @property
    def doublings(self) -> tuple[int, ...]:
        """Return the indices of the blocks that double, counted over all stages."""
        return tuple(i for i, symbol in enumerate("".join(self.groups)) if symbol == "2")

    @property
    def widths(self) -> tuple[tuple[int, ...], ...]:
        """Return the channels (planes) of every block, stage by stage."""
        return _widths(self.base, self.groups)

    def part(self, norm: str = "bn") -> CodedBackbone:
        """Return the backbone that the code names."""
        return CodedBackbone(self.block, self.base, self.groups, norm)

    def __str__(self) -> str:
        return f"{self.block}_{self.base}_{'-'.join(self.groups)}"

    @classmethod
    def parse(
        cls, text: str, limits: CodeLimits = PUBLISHED, blocks: tuple[str, ...] = CODED_BLOCKS
    ) -> BackboneCode:
        """Read a code within limits, of one of some block types.

        Raises:
            ArchitectureError: The text is no code or exceeds the limits; the message points at
                the character and says what would be valid.
        """
        block, base, groups = _fields(text)
        if block not in blocks:
            raise fault(text, 0, len(block), f"no block type here; use {either(blocks)}")
        if base not in map(str, limits.bases):
            problem = f"no base width here; use {either(limits.bases)}"
            raise fault(text, len(block) + 1, len(base), problem)
        _check_symbols(text, len(block) + len(base) + 2)
        _check_counts(text, tuple(groups.split("-")), limits)
        return cls(block, int(base), tuple(groups.split("-")))


def is_deeper_or_wider(a: BackboneCode, b: BackboneCode, stages: int = STAGES) -> bool:
    """Return whether ``a`` is nowhere shallower or narrower than ``b`` (Partial Order Pruning).

    Every block of ``b`` then has a block of its own in the same stage of ``a`` that is at least
    as wide. Backbones of different block types do not compare.

    Args:
        a: A backbone.
        b: Another one.
        stages: How many of their stages are in use, and so compared.

    Example:
        >>> e0 = BackboneCode.parse("basicblock_64_1-21-21-12")
        >>> is_deeper_or_wider(BackboneCode.parse("basicblock_72_1-21-211-12"), e0)
        True
        >>> is_deeper_or_wider(BackboneCode.parse("basicblock_72_1-11-212-12"), e0)
        False
    """
    if a.block != b.block:
        return False
    pairs = zip(a.widths[:stages], b.widths[:stages], strict=True)
    return all(len(mine) >= len(other) and _covers(mine, other) for mine, other in pairs)


@lru_cache(maxsize=_CACHE)
def _widths(base: int, groups: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    width, stages = base, []
    for group in groups:
        blocks = []
        for symbol in group:
            width *= int(symbol)
            blocks.append(width)
        stages.append(tuple(blocks))
    return tuple(stages)


def _covers(mine: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Compare the widest blocks; along a stage widths never fall."""
    return all(x >= y for x, y in zip(mine[-len(other) :], other, strict=True))


def _fields(text: str) -> tuple[str, str, str]:
    fields = text.split("_")
    if len(fields) != 3:
        raise ArchitectureError(
            f"{text!r} has {len(fields)} fields instead of 3; write BLOCK_BASE_GROUPS as in "
            f"{EXAMPLE!r}"
        )
    return fields[0], fields[1], fields[2]


def _check_symbols(text: str, start: int) -> None:
    """Check every character of the groups, and that no group is empty."""
    for index, character in enumerate(text[start:], start):
        if character not in ("1", "2", "-"):
            raise fault(
                text,
                index,
                1,
                "no block; use 1 (regular), 2 (doubles the channels) and '-' between groups",
            )
        if character == "-" and (index == start or text[index - 1] == "-"):
            raise fault(text, index, 1, "the group before it is empty; put a 1 or 2 there")
    if text[-1] in "-_":
        raise fault(text, len(text) - 1, 1, "the group after it is empty; put a 1 or 2 there")


def _check_counts(text: str, groups: tuple[str, ...], limits: CodeLimits) -> None:
    start = len(text) - len("-".join(groups))
    if len(groups) < STAGES:
        problem = f"has {len(groups)} groups instead of {STAGES}, one per stride 4, 8, 16 and 32"
        raise ArchitectureError(f"{text!r} {problem}, as in {EXAMPLE!r}")
    if len(groups) > STAGES:
        at = start + len("-".join(groups[:STAGES]))
        raise fault(text, at, 1, f"begins group {STAGES + 1}; there are {STAGES}, so remove a '-'")
    _check_blocks(text, start, limits)


def _check_blocks(text: str, start: int, limits: CodeLimits) -> None:
    blocks = [index for index in range(start, len(text)) if text[index] != "-"]
    doublings = [index for index in blocks if text[index] == "2"]
    if len(doublings) > DOUBLINGS:
        problem = f"doubling {DOUBLINGS + 1}; there are exactly {DOUBLINGS}, so write 1"
        raise fault(text, doublings[DOUBLINGS], 1, problem)
    if len(doublings) < DOUBLINGS:
        raise ArchitectureError(
            f"{text!r} doubles the channels {len(doublings)} times instead of {DOUBLINGS}; write "
            "2 for some of its 1s"
        )
    if len(blocks) > limits.max_blocks:
        problem = f"block {limits.max_blocks + 1}; there are at most {limits.max_blocks}"
        raise fault(text, blocks[limits.max_blocks], 1, problem)
    if len(blocks) < limits.min_blocks:
        raise ArchitectureError(
            f"{text!r} has {len(blocks)} blocks; there are at least {limits.min_blocks}, so add 1s"
        )
