import json

import numpy as np
import pytest

from detection import CocoAnnotations, ImageDetections, ImageMatches, match_images, weighted_ap
from export import Drop, VerificationError, images_to_decide, paired_drops

IMAGES = 30
Sides = tuple[CocoAnnotations, list[ImageDetections]]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Sides:
    """One object of 50 x 50 pixels in each image, found with an IoU of about 0.8."""
    rng = np.random.default_rng(0)
    document = {
        "images": [
            {"id": i, "file_name": f"{i}.png", "height": 100, "width": 100} for i in range(IMAGES)
        ],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [20, 20, 50, 50], "iscrowd": 0}
            for i in range(IMAGES)
        ],
    }
    path = tmp_path_factory.mktemp("bootstrap") / "a.json"
    path.write_text(json.dumps(document))
    found = []
    for i in range(IMAGES):
        shift = rng.uniform(0, 12)
        found.append(
            ImageDetections(i, np.array([[20, 20 + shift, 70, 70]]), rng.random(1), np.array([1]))
        )
    return CocoAnnotations.load(path), found


def matched(sides: Sides, lost: int = 0) -> ImageMatches:
    """Match all detections but those of the first images."""
    annotations, found = sides
    return match_images(annotations, found[lost:])


def test_an_engine_that_finds_the_same_loses_nothing_for_certain(sides: Sides) -> None:
    drops = paired_drops(matched(sides), matched(sides))
    assert set(drops) == {"ap", "ap50", "ap75", "ap_m"}  # there are neither small nor large ones
    assert all(drop == Drop(0.0, (0.0, 0.0)) for drop in drops.values())


def test_the_interval_holds_the_loss_and_grows_with_confidence(sides: Sides) -> None:
    torch, engine = matched(sides), matched(sides, lost=4)
    drop = paired_drops(torch, engine)["ap50"]
    once = np.ones((1, IMAGES), np.int64)
    expected = 100 * (weighted_ap(torch, once) - weighted_ap(engine, once))[0, 1]
    assert drop.points == pytest.approx(expected)
    assert 0 < drop.ci[0] < drop.points < drop.ci[1]
    wide = paired_drops(torch, engine, confidence=0.999)["ap50"].ci
    assert wide[0] < drop.ci[0]
    assert wide[1] > drop.ci[1]


def test_a_found_fraction_has_the_interval_of_a_binomial(sides: Sides) -> None:
    """AP50 of single objects without false detections is recall: its spread is known."""
    drop = paired_drops(matched(sides), matched(sides, lost=6), resamples=4000)["ap50"]
    share = 6 / IMAGES
    reach = 2.045 * 100 * np.sqrt(share * (1 - share) / (IMAGES - 1))  # t of 29 degrees
    assert drop.ci[0] == pytest.approx(drop.points - reach, abs=2.5)
    assert drop.ci[1] == pytest.approx(drop.points + reach, abs=2.5)


def test_the_same_seed_gives_the_same_interval(sides: Sides) -> None:
    torch, engine = matched(sides), matched(sides, lost=4)
    first, again = (paired_drops(torch, engine, seed=3) for _ in range(2))
    assert first == again
    assert paired_drops(torch, engine, seed=4) != first


def test_one_image_has_no_interval(sides: Sides) -> None:
    annotations, found = sides
    one = match_images(annotations.subset([0]), found[:1])
    assert paired_drops(one, one) == {}


def test_sides_of_other_images_are_refused(sides: Sides) -> None:
    annotations, found = sides
    part = match_images(annotations.subset([0, 1]), found[:2])
    with pytest.raises(VerificationError, match="different images"):
        paired_drops(matched(sides), part)
    for options in ({"resamples": 1}, {"confidence": 1.0}, {"confidence": float("nan")}):
        with pytest.raises(VerificationError, match="at least 2 resamples"):
            paired_drops(part, part, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("points", "ci", "more"),
    [
        (0.2, (0.0, 0.5), 0),  # passes
        (1.0, (0.51, 1.5), 0),  # fails
        (0.2, (0.0, 0.8), 300),  # half the reach takes four times the images
        (0.8, (0.2, 1.4), 300),
        (0.0, (-1.0, 1.0), 300),
        (0.49, (0.0, 0.51), 300),
        (0.5, (0.0, 1.0), None),
    ],
)
def test_images_that_would_decide(
    points: float, ci: tuple[float, float], more: int | None
) -> None:
    assert images_to_decide(Drop(points, ci), 0.5, 100) == more
