"""The images of a search: those that it learns from, and those that it scores on.

DetNAS (Chen et al., NeurIPS 2019), sec. 4, and CR-NAS (Liang et al., ICLR 2020), sec. 4.1, hold
5,000 training images out, so that the validation images stay unseen until the end.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchspaces import MASKS, sha256_of_file

from ..errors import RunError

if TYPE_CHECKING:
    from detection import CocoDataset, ImageSettings
    from searchspaces import DetectorSpec, SearchSpace

    from ..settings import SearchSettings

SEARCH_SHARE = 5  # at most one image in five scores, for small data sets
USUAL_SPLIT = "train"
HELD_OUT, SPLIT = "held_out_sha256", "split"
"""Notes of a supernet's file: the images that a search kept from it, and what it has learnt."""


@dataclass(frozen=True, slots=True)
class SearchImages:
    """Hold the images of a search; none that scores is learnt from.

    Attributes:
        training: Opened for training: augmented, without images that hold no object.
        scoring: Opened to measure on.
        scored: What these are, for people: ``of archval``, or ``held out of train``.
        scored_sha256: What tells them from other images of the folder.
        shared: How many of them are of the split that is learnt from; they are left out there.
        identity: What tells the images from others, wherever their folder lies.
        split: What is learnt from, the images that score aside.
    """

    training: CocoDataset
    scoring: CocoDataset
    scored: str
    scored_sha256: str
    shared: int
    identity: dict[str, Any]
    split: str


def open_search_images(
    space: SearchSpace, data_dir: Path, settings: SearchSettings, images: ImageSettings
) -> SearchImages:
    """Open and check the images of a search.

    Those that score are a split of the folder, or are held out of what is learnt from; in either
    case at most ``settings.search_images`` of them.

    Args:
        space: What is searched.
        data_dir: Folder of detection data.
        settings: Of the search.
        images: What is learnt from, and how it is varied.

    Raises:
        DatasetError: A split is not there or damaged, or has another number of classes.
        RunError: There are too few images to keep some for scoring, or none is left to learn
            from, or nothing can be scored on those of a split.
    """
    from detection import augment_of, open_training_data

    spec = space.detector(space.sample(np.random.default_rng(0)))
    learnt = open_training_data(
        data_dir,
        spec.input_hw,
        spec.num_classes,
        seed=settings.seed,
        split=images.split,
        masks=MASKS in spec.output_names,
        augment=augment_of(images, spec.input_hw),
    )
    identity = _identity(learnt, images)
    split = _scoring_split(settings, images)
    if split is None:
        ids = tuple(image.id for image in learnt.annotations.images)
        kept, held = split_for_search(ids, settings)
        scoring, scored = learnt.plain().subset(held), f"held out of {images.split}"
        digest = _sha256_of_names(scoring, data_dir)
        parts = learnt.subset(kept), scoring
        return SearchImages(*parts, scored, digest, len(held), identity, images.split)
    scoring = _open_scoring(data_dir, spec, settings, split)
    _require_same_classes(learnt, scoring)
    digest = _sha256_of_names(scoring, data_dir)
    identity |= {"search_split": split, "scored_sha256": digest}
    kept = _kept_apart(learnt, scoring, images.split, split)
    shared = len(learnt) - len(kept)
    parts = learnt.subset(kept), scoring
    return SearchImages(*parts, f"of {split}", digest, shared, identity, images.split)


def split_for_search(
    image_ids: tuple[int, ...], settings: SearchSettings
) -> tuple[list[int], list[int]]:
    """Split training images into those that train and those that score architectures.

    The split depends on the ids and the seed alone; both lists are sorted.

    Raises:
        RunError: There are too few images to split.
    """
    count = min(settings.search_images, len(image_ids) // SEARCH_SHARE)
    if count < 1:
        raise RunError(
            f"{len(image_ids)} training images are too few to keep some for scoring; "
            f"at least {SEARCH_SHARE} are needed"
        )
    kept = _drawn(image_ids, count, settings.seed)
    return [image for image in sorted(image_ids) if image not in kept], sorted(kept)


def _identity(learnt: CocoDataset, images: ImageSettings) -> dict[str, Any]:
    """Return what tells images from others; runs from before there were splits know no name."""
    digest = sha256_of_file(learnt.annotations.path)
    named = {} if images.split == USUAL_SPLIT else {"split": images.split}
    return {"annotations_sha256": digest, "images": len(learnt), **named}


def _scoring_split(settings: SearchSettings, images: ImageSettings) -> str | None:
    """Return the split that scores: the one asked for, or that was held out for the search."""
    from detection import SPLIT_KINDS

    if None not in (settings.search_split, images.score_split):
        raise RunError(
            f"--search-split {settings.search_split} and score_split={images.score_split} say on "
            "what is scored; give one of them"
        )
    asked = settings.search_split or images.score_split
    kind = SPLIT_KINDS["arch"]
    return kind.held if asked is None and images.split == kind.rest else asked


def _sha256_of_names(images: CocoDataset, data_dir: Path) -> str:
    """Return a hash of the images' names in the folder, whatever split they were opened by."""
    folder = os.path.relpath(images.images_dir, data_dir)
    names = sorted(f"{folder}/{image.file_name}" for image in images.annotations.images)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _drawn(image_ids: Sequence[int], count: int, seed: int) -> set[int]:
    """Draw images by a seed, whatever order they come in."""
    ordered = sorted(image_ids)
    places = np.random.default_rng(seed).permutation(len(ordered))[:count]
    return {ordered[place] for place in places.tolist()}


def _open_scoring(
    data_dir: Path, spec: DetectorSpec, settings: SearchSettings, split: str
) -> CocoDataset:
    from detection import Preprocess, open_split, require_classes

    masks = MASKS in spec.output_names
    images = open_split(data_dir, split, Preprocess(spec.input_hw), masks=masks).plain()
    require_classes(images, spec.num_classes)
    ids = [image.id for image in images.annotations.images]
    if len(ids) > settings.search_images:
        images = images.subset(_drawn(ids, settings.search_images, settings.seed))
    if images.annotations.objects.ignored.all():  # of no object too
        raise RunError(
            f"none of the {len(images)} images of {split} that are to score holds an object that "
            "is no crowd and not difficult; name another split (--search-split)"
        )
    return images


def _require_same_classes(learnt: CocoDataset, scoring: CocoDataset) -> None:
    """Refuse splits whose labels mean different classes: the scores would mean nothing."""
    ours, theirs = learnt.annotations.class_names, scoring.annotations.class_names
    if ours != theirs:
        raise RunError(
            f"{scoring.annotations.path} has the classes {', '.join(theirs[:5])}, "
            f"{learnt.annotations.path} has {', '.join(ours[:5])}; give both splits the same "
            "categories in the same order of ids"
        )


def _kept_apart(learnt: CocoDataset, scoring: CocoDataset, split: str, scored: str) -> list[int]:
    """Return the images to learn from: those that do not score."""
    taken = {scoring.images_dir / image.file_name for image in scoring.annotations.images}
    kept = [
        image.id
        for image in learnt.annotations.images
        if learnt.images_dir / image.file_name not in taken
    ]
    if not kept:
        raise RunError(
            f"{scored} scores on every image of {split}, so that none is left to learn from; draw "
            "a part to score on (detfit data split DIR --kind arch) and name it (--search-split)"
        )
    return kept
