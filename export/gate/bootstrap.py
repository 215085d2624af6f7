"""How sure the engine's loss of AP is: a paired bootstrap over the images.

Torch and engine see the same images, so that what makes an image hard cancels out: on 200 images
AP itself is known to about two points, the difference under fp16 to about 0.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection import AP_NAMES, ImageMatches, weighted_ap

from ..errors import VerificationError

RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 0
ROUNDING = 1e-6  # of a number of images that is whole but for floating point

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drop:
    """Say how much of an average precision the engine loses, in points of 0..100.

    Attributes:
        points: On the images themselves; negative where the engine is better.
        ci: Ends of the interval that is meant to hold the loss on all images of the kind.
    """

    points: float
    ci: tuple[float, float]


def paired_drops(
    torch: ImageMatches,
    engine: ImageMatches,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> dict[str, Drop]:
    """Return the engine's loss with an interval, by resampling the images with replacement.

    Every resample takes the same images for both sides. An interval's ends are the outer ones of
    the bootstrap's percentiles and of its standard error with Student's t (Efron and Tibshirani,
    An Introduction to the Bootstrap, 1993, sec. 12 and 13): percentiles alone are too narrow for
    few images and for losses that few images make, the standard error alone where the
    bootstrap is biased.

    Args:
        torch: What torch's detections hit.
        engine: What the engine's hit, on the same images.
        resamples: Resamples of the images.
        confidence: Probability that an interval is meant to have, 0..1.
        seed: Of the resamples.

    Returns:
        By name of `AP_NAMES`; without those that have no object to find, and without any where
        there are fewer than two images, of which nothing can be drawn.

    Raises:
        VerificationError: The sides are of different images, or an option is out of range.
    """
    if torch.image_ids != engine.image_ids:
        raise VerificationError("torch and engine were matched on different images")
    if resamples < 2 or not 0 < confidence < 1:
        raise VerificationError(
            f"a bootstrap takes at least 2 resamples and a confidence in 0..1, got {resamples} "
            f"and {confidence}"
        )
    images = len(torch)
    if images < 2:
        return {}
    weights = np.ones((resamples + 1, images), np.int64)
    draw = np.random.default_rng(seed)
    weights[1:] = draw.multinomial(images, np.full(images, 1 / images), size=resamples)
    losses = 100 * (weighted_ap(torch, weights) - weighted_ap(engine, weights))
    drops = {}
    for name, column in zip(AP_NAMES, losses.T, strict=True):
        drawn = column[1:][~np.isnan(column[1:])]
        if not math.isnan(column[0]) and len(drawn) > 1:
            interval = _interval(float(column[0]), drawn, images, confidence)
            drops[name] = Drop(float(column[0]), interval)
    return drops


def images_to_decide(drop: Drop, limit: float, images: int) -> int | None:
    """Return how many more images would put the limit outside of the interval.

    Supposes that the loss stays as it is and its interval narrows with the root of the images.

    Args:
        drop: The loss.
        limit: Points that may be lost.
        images: On how many images it was found.

    Returns:
        0 where it is decided; ``None`` where the loss is the limit itself.
    """
    low, high = drop.ci
    if not low <= limit < high:
        return 0
    distance = abs(limit - drop.points)
    reach = high - drop.points if drop.points < limit else drop.points - low
    if distance == 0:
        return None
    return max(1, math.ceil(images * ((reach / distance) ** 2 - 1) - ROUNDING))


def _interval(drop: float, drawn: Floats, images: int, confidence: float) -> tuple[float, float]:
    """Return the ends of the interval around a drop from its resamples (n,)."""
    from scipy.special import stdtrit  # Student's t; scipy.stats takes a second to import

    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail)).tolist()
    # A resample spreads as if it had (images - 1) / images of the variance.
    spread = float(drawn.std(ddof=1)) * math.sqrt(images / (images - 1))
    reach = float(stdtrit(images - 1, 1 - tail)) * spread
    return min(low, drop - reach), max(high, drop + reach)
