"""Whether weights have learnt from the images that score them, and the line that says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .images import SearchImages

if TYPE_CHECKING:
    from detection import LearntImages

SCORED_ON = "scored_on"
"""Note of a run: what a supernet is scored on, and whether its weights have learnt from that."""

UNSEEN = "score on what they have not seen, such as --search-split archval"


def told_of_supernet(name: str, learnt: Sequence[LearntImages], images: SearchImages) -> str:
    """Say in one line what a supernet is scored on, and whether it has learnt from that.

    Args:
        name: Of its file.
        learnt: Its own training, then those that it began with.
        images: Of the search; those to learn from are of the split of its own training.
    """
    own, before = learnt[0], learnt[1:]
    begin = f"{len(images.scoring)} images {images.scored}"
    if not _is_new(own, images):
        if own.split is None:
            return (
                f"{begin}; {name} does not say what it has learnt from: if from these, its scores "
                "flatter it"
            )
        return (
            f"{begin}; {name} may have learnt from {images.shared} of them, which flatters its "
            "scores: score on what it has not seen, such as --search-split archval"
        )
    said = _told_of_start(f"what {name} began with", before, images)
    if said is None:
        return f"{begin}, from which {name} has not learnt"
    return f"{begin}, from which {name} itself has not learnt; {said}"


def told_of_start(name: str, learnt: Sequence[LearntImages], images: SearchImages) -> str | None:
    """Say in one line what weights to begin with may have learnt from; ``None`` if all is new.

    Args:
        name: Of their file.
        learnt: Their own training, if it was one to detect, then those that they began with.
        images: Of the search.
    """
    said = _told_of_start(f"{name}, which the training begins with,", learnt, images)
    return None if said is None else f"{len(images.scoring)} images {images.scored}; {said}"


def _told_of_start(
    subject: str, learnt: Sequence[LearntImages], images: SearchImages
) -> str | None:
    old = [each for each in learnt if not _is_new(each, images)]
    if not old:
        return None
    splits = sorted({each.split for each in old if each.split is not None})
    if splits:
        return (
            f"{subject} has learnt {' and '.join(splits)}, and may have seen them there, which "
            f"flatters the scores: {UNSEEN}"
        )
    return (
        f"{subject} does not say what it has learnt from: if from these, they flatter the scores"
    )


def _is_new(learnt: LearntImages, images: SearchImages) -> bool:
    """Return whether no image that scores was learnt from; of other splits that is not known."""
    held_out = learnt.held_out_sha256 == images.scored_sha256
    return held_out or (learnt.split == images.split and not images.shared)
