import itertools

import numpy as np
import pytest
from PIL import Image

from export import Detections, draw
from export.running.drawing import class_colour, text_colour


def detections(*boxes: tuple[float, float, float, float], label: int = 0) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float64).reshape(-1, 4), np.full(count, 0.5), np.full(count, label)
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P", "1", "LA"])
def test_any_mode_becomes_a_new_rgb_image(mode: str) -> None:
    image = Image.new(mode, (200, 100))
    before = image.tobytes()
    drawn = draw(image, detections((20, 40, 120, 90)), ("cat",))
    assert (drawn.mode, drawn.size) == ("RGB", (200, 100))
    assert class_colour(0) in {colour for _, colour in drawn.getcolors(1 << 20) or []}
    assert image.tobytes() == before


def test_nothing_found_draws_nothing() -> None:
    image = Image.effect_noise((60, 40), 50.0).convert("RGB")
    assert draw(image, detections(), ()).tobytes() == image.tobytes()


def test_the_box_is_where_it_should_be() -> None:
    drawn = np.asarray(draw(Image.new("RGB", (300, 200)), detections((50, 80, 250, 180)), ("x",)))
    painted = (drawn == class_colour(0)).all(axis=2)
    assert painted[80:181, 50].all()
    assert painted[180, 50:251].all()
    assert not painted[100:170, 60:240].any()
    assert not painted[:, 252:].any()


@pytest.mark.parametrize(
    "box", [(0, 0, 5, 5), (-20, -20, 500, 500), (295, 195, 300, 200), (250, 60, 10, 10)]
)
def test_captions_stay_inside_the_image(box: tuple[float, float, float, float]) -> None:
    image = Image.new("RGB", (300, 200))
    drawn = np.asarray(draw(image, detections(box), ("a long class name",)))
    filled = (drawn == class_colour(0)).all(axis=2)
    # The caption's background is the only large filled area.
    assert filled.sum() > 300


def test_lines_and_text_grow_with_the_image() -> None:
    def painted(size: int) -> float:
        box = (size * 0.2, size * 0.3, size * 0.8, size * 0.8)
        drawn = np.asarray(draw(Image.new("RGB", (size, size)), detections(box), ("cat",)))
        return float((drawn == class_colour(0)).all(axis=2).mean())

    assert painted(1600) == pytest.approx(painted(800), rel=0.25)


def test_a_label_without_a_name_is_drawn_as_its_number() -> None:
    found = detections((10, 10, 50, 50), label=9)
    nameless = draw(Image.new("RGB", (64, 64)), found, ("cat",))
    named = draw(Image.new("RGB", (64, 64)), found, (*["cat"] * 9, "9"))
    assert np.array_equal(np.asarray(nameless), np.asarray(named))


def test_colours_of_classes_differ() -> None:
    colours = [class_colour(label) for label in range(80)]
    assert len(set(colours)) == 80
    assert colours == [class_colour(label) for label in range(80)]
    for one, other in itertools.pairwise(colours):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 100


def test_text_contrasts_with_its_background() -> None:
    assert text_colour((255, 255, 255)) == (0, 0, 0)
    assert text_colour((0, 0, 0)) == (255, 255, 255)
    assert text_colour((0, 0, 160)) == (255, 255, 255)
    assert text_colour((250, 220, 60)) == (0, 0, 0)
