"""Naming the modules of a detector without wiring it; see ``node_tokens`` of a search space."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Graph


def constant_tokens(
    graph: Graph, blocks: int, last: int = 0
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Name what stands before and after the searched blocks of a backbone, and never changes.

    Args:
        graph: Of any detector of the space.
        blocks: How many searched blocks it has.
        last: How many modules of the backbone follow them.

    Returns:
        A number below zero for every node before and for every node after the blocks.
    """
    end = sum(node.part == "backbone" for node in graph.nodes) - last
    ids = range(-len(graph.nodes), 0)
    return tuple(ids[: end - blocks]), tuple(ids[end:])


def block_tokens(depths: Sequence[int], choices: int) -> tuple[int, ...]:
    """Name the searched blocks of a backbone in which each has its first choice.

    The token of choice ``i`` is ``i`` more. In a stage all blocks of one choice are equal but the
    first, which changes width or size.

    Args:
        depths: Blocks of every stage.
        choices: How many a block has.
    """
    return tuple(
        choices * (2 * stage + min(block, 1))
        for stage, count in enumerate(depths)
        for block in range(count)
    )
