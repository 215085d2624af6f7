"""COCO's run-length encoding of a mask, written by hand: NumPy only.

A mask is read column by column; run lengths alternate between outside and inside, outside first.
COCO's compressed text holds each run as the difference to the one before the last, in groups of
five bits, a sixth bit saying whether more follow (pycocotools, ``common/maskApi.c``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

FIRST_CHARACTER = 48  # "0"
BITS, MORE, SIGN = 5, 0x20, 0x10
MAX_GROUPS = 8  # 40 bits: more than any image has pixels


class Rle(TypedDict):
    """A mask as COCO's tools take it.

    Keys:
        size: Height and width of the image.
        counts: Compressed run lengths.
    """

    size: list[int]
    counts: str


def encode_rle(mask: Mask, hw: tuple[int, int], top: int = 0, left: int = 0) -> Rle:
    """Return a mask (h, w) that lies at ``top``, ``left`` of an image, encoded."""
    return {"size": list(hw), "counts": compress(runs_of(mask, hw, top, left))}


def decode_rle(rle: Rle) -> Mask:
    """Return the mask (h, w) of the whole image.

    Raises:
        ValueError: The text is damaged or of an image of another size.
    """
    height, width = rle["size"]
    return mask_of(decompress(rle["counts"]), (height, width))


def runs_of(
    mask: Mask, hw: tuple[int, int] | None = None, top: int = 0, left: int = 0
) -> list[int]:
    """Return the run lengths of a mask (h, w), or of an image that is empty but for the mask.

    Args:
        mask: Inside of the image.
        hw: Height and width of the image; the mask's own if ``None``.
        top: First row of the mask.
        left: First column of the mask.

    Example:
        >>> runs_of(np.array([[True, False], [True, True]]))
        [0, 2, 1, 1]
    """
    height, width = mask.shape if hw is None else hw
    column = np.zeros((mask.shape[1], mask.shape[0] + 2), np.int8)
    column[:, 1:-1] = mask.T
    step = np.diff(column, axis=1)
    starts, ends = (
        (left + x) * height + top + y for x, y in (np.nonzero(step == 1), np.nonzero(step == -1))
    )
    # A column that ends inside goes on where the next one begins.
    joined = np.flatnonzero(starts[1:] == ends[:-1])
    starts, ends = np.delete(starts, joined + 1), np.delete(ends, joined)
    borders = np.stack((starts, ends), 1).ravel()
    if not len(borders) or borders[-1] < height * width:
        borders = np.append(borders, height * width)
    runs: list[int] = np.diff(borders, prepend=0).tolist()
    return runs


def mask_of(runs: Sequence[int], hw: tuple[int, int]) -> Mask:
    """Return the mask (h, w) of run lengths.

    Raises:
        ValueError: A run is negative or the runs do not add up to the pixels.
    """
    lengths = np.asarray(runs, np.int64)
    if (lengths < 0).any() or lengths.sum() != hw[0] * hw[1]:
        raise ValueError(
            f"run lengths must be at least 0 and add up to {hw[1]}x{hw[0]} pixels, got "
            f"{len(lengths)} runs of {int(lengths.sum())} pixels"
        )
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return inside.reshape(hw, order="F")


def compress(runs: Sequence[int]) -> str:
    """Return run lengths as COCO's text.

    Example:
        >>> compress([0, 2, 1, 1])
        '021O'
    """
    characters = []
    for index, run in enumerate(runs):
        rest = run - (runs[index - 2] if index > 2 else 0)
        more = True
        while more:
            group, rest = rest & (MORE - 1), rest >> BITS
            more = rest != (-1 if group & SIGN else 0)
            characters.append(chr(group + (MORE if more else 0) + FIRST_CHARACTER))
    return "".join(characters)


def decompress(text: str) -> list[int]:
    """Return the run lengths of COCO's text.

    Raises:
        ValueError: The text has a foreign character, ends within a number, or holds a number of
            more than 40 bits.
    """
    runs: list[int] = []
    value = groups = 0
    for character in text:
        code = ord(character) - FIRST_CHARACTER
        if not 0 <= code < 2 * MORE or groups == MAX_GROUPS:
            raise ValueError(f"{character!r} after {len(runs)} runs does not belong there")
        value |= (code & (MORE - 1)) << BITS * groups
        groups += 1
        if code & MORE:
            continue
        if code & SIGN:
            value -= 1 << BITS * groups
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = groups = 0
    if groups:
        raise ValueError("it ends within a number")
    return runs
