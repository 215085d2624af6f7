import numpy as np
import pytest
from hypothesis import given, strategies as st

from detection import ImageDetections
from export import ParityError, compare_detections


def detections(image_id: int, count: int, seed: int = 0) -> ImageDetections:
    rng = np.random.default_rng([seed, image_id])
    near = rng.uniform(0, 500, (count, 2))
    boxes = np.hstack([near, near + rng.uniform(20, 100, (count, 2))])
    return ImageDetections(image_id, boxes, rng.uniform(0.1, 1, count), rng.integers(0, 3, count))


def changed(item: ImageDetections, **fields: object) -> ImageDetections:
    values = {name: getattr(item, name) for name in ("boxes", "scores", "category_ids")}
    return ImageDetections(item.image_id, **(values | fields))  # type: ignore[arg-type]


def test_equal_detections_match() -> None:
    found = [detections(1, 20), detections(2, 0), detections(5, 7)]
    report = compare_detections(found, found)
    assert (report.images, report.torch_detections, report.engine_matched) == (3, 27, 27)
    assert report.matched_fraction == report.f1 == 1.0
    assert report.max_score_difference == 0.0


@given(st.permutations(range(12)))
def test_positions_mean_nothing(order: list[int]) -> None:
    one = detections(1, 12)
    other = changed(
        one, boxes=one.boxes[order], scores=one.scores[order], category_ids=one.category_ids[order]
    )
    assert compare_detections([one], [other]).matched_fraction == 1.0


def test_another_class_or_a_moved_box_is_another_detection() -> None:
    one = detections(1, 100)
    classes = one.category_ids.copy()
    classes[0] = (classes[0] + 1) % 3
    boxes = one.boxes.copy()
    boxes[1, 2] += 10.0
    report = compare_detections(
        [one], [changed(one, category_ids=classes, boxes=boxes)], labels="abc"
    )
    assert (report.torch_matched, report.engine_matched) == (98, 98)
    assert report.matched_fraction == pytest.approx(0.98)
    assert len(report.orphans) == 4
    assert "only torch finds" in "".join(report.orphans)


def test_what_only_the_engine_finds_counts() -> None:
    one, many = detections(1, 10), detections(1, 10)
    extra = detections(1, 10, seed=1)
    boxes = np.vstack([many.boxes, extra.boxes])
    more = ImageDetections(
        1,
        boxes,
        np.concatenate([many.scores, extra.scores]),
        np.concatenate([many.category_ids, extra.category_ids]),
    )
    report = compare_detections([one], [more])
    assert report.matched_fraction == pytest.approx(0.5)
    assert report.f1 == pytest.approx(20 / 30)


def test_below_the_floor_no_partner_is_needed_but_one_may_be_there() -> None:
    box = np.array([[0.0, 0.0, 50.0, 50.0]])
    above = ImageDetections(1, box, [0.0501], [0])
    below = ImageDetections(1, box, [0.0499], [0])
    nothing = ImageDetections(1, np.zeros((0, 4)), [], [])
    assert compare_detections([above], [below]).matched_fraction == 1.0
    assert compare_detections([below], [nothing]).torch_detections == 0
    assert compare_detections([above], [nothing]).matched_fraction == 0.0


def test_what_fell_off_a_full_list_is_excused() -> None:
    one = detections(1, 10)
    order = np.argsort(-one.scores)
    ranked = changed(
        one, boxes=one.boxes[order], scores=one.scores[order], category_ids=one.category_ids[order]
    )
    scores = np.append(ranked.scores[:9], ranked.scores[9])
    other_boxes = ranked.boxes.copy()
    other_boxes[9] += 200.0
    other = changed(ranked, boxes=other_boxes, scores=scores)
    assert compare_detections([ranked], [other]).matched_fraction == pytest.approx(0.9)
    excused = compare_detections([ranked], [other], top_d=10)
    assert (excused.matched_fraction, excused.excused) == (1.0, 2)


def test_other_images_are_refused() -> None:
    with pytest.raises(ParityError, match="same images"):
        compare_detections([detections(1, 2)], [detections(2, 2)])
    with pytest.raises(ParityError, match="iou"):
        compare_detections([detections(1, 2)], [detections(1, 2)], iou=1.5)
