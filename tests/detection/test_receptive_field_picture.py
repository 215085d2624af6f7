import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from detection import BuildError, ReceptiveField, draw_receptive_fields

SVG = "{http://www.w3.org/2000/svg}"


def bump(stride, width=4.0, hw=(60, 80), at=(30, 40)):
    rows, columns = np.mgrid[: hw[0], : hw[1]]
    distance = (rows - at[0]) ** 2 + (columns - at[1]) ** 2
    return ReceptiveField(np.exp(-distance / (2 * width**2)), stride)


ITEMS = [("plain", [bump(4), bump(8, 6)]), ("di<lated>", [bump(8, 9), bump(16, 12)])]


def parts(text, tag):
    return list(ElementTree.fromstring(text).iter(SVG + tag))


def images(text):
    return [
        Image.open(io.BytesIO(base64.b64decode(image.get("href").partition(",")[2])))
        for image in parts(text, "image")
    ]


def test_there_is_a_map_for_every_level_and_a_scale():
    text = draw_receptive_fields(ITEMS, "random weights")
    maps = images(text)
    assert [image.size for image in maps] == [(80, 60)] * 4 + [(64, 1)]
    for image in maps[:4]:
        pixels = np.asarray(image.convert("L"), float)
        row, column = np.unravel_index(pixels.argmax(), pixels.shape)
        assert abs(row - 30) <= 4
        assert abs(column - 40) <= 4
        assert pixels[0, 0] < 20


def test_columns_are_strides():
    text = draw_receptive_fields(ITEMS, "random weights")
    places = [float(image.get("x")) for image in parts(text, "image")[:4]]
    assert places[0] < places[1] == places[2] < places[3]
    names = [t.text for t in parts(text, "text")]
    assert [n for n in names if re.fullmatch(r"P\d", n)] == ["P2", "P3", "P3", "P4"]


def test_the_frame_is_the_field():
    text = draw_receptive_fields(ITEMS[:1], "trained")
    frames = [r for r in parts(text, "rect") if r.get("class") == "marker"]
    scale = 200 / 80
    sides = [field.side_px() * scale for field in ITEMS[0][1]]
    assert [float(f.get("width")) for f in frames] == pytest.approx(sides, abs=0.06)
    names = [t.text for t in parts(text, "text")]
    assert f"{ITEMS[0][1][0].side_px():.0f} px" in names
    assert "trained" in names


def test_a_frame_that_the_image_cuts_is_said_to_be():
    text = draw_receptive_fields([("a", [bump(4, 9, at=(5, 40))])], "trained")
    assert any(t.text.startswith("at least ") for t in parts(text, "text"))
    (frame,) = [r for r in parts(text, "rect") if r.get("class") == "marker"]
    (picture, _) = parts(text, "image")
    assert float(frame.get("y")) >= float(picture.get("y"))


def test_large_maps_are_averaged_down():
    picture = images(draw_receptive_fields([("a", [bump(4, 40, (600, 800), (300, 400))])], "w"))
    assert picture[0].size == (200, 150)


def test_it_is_escaped_deterministic_and_alone():
    text = draw_receptive_fields(ITEMS, "a < b")
    assert text == draw_receptive_fields(ITEMS, "a < b")
    assert "di<lated>" not in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("items", [[], [("a", [])]])
def test_nothing_to_draw_is_refused(items):
    with pytest.raises(BuildError, match="needs fields for at least one detector"):
        draw_receptive_fields(items, "random weights")
