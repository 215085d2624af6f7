from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from detection.data.images import load_image, to_rgb
from detection.errors import DatasetError

EVERY_MODE = sorted({*Image.MODES, "LA", "La", "PA", "RGBX", "RGBa", "I;16", "I;16B"} - {"F"})


def saved(tmp_path: Path, image: Image.Image, name: str) -> Path:
    path = tmp_path / name
    image.save(path)
    return path


@pytest.mark.parametrize("mode", EVERY_MODE)
def test_every_mode_becomes_rgb_of_the_same_size(mode: str) -> None:
    rgb = to_rgb(Image.new(mode, (5, 3)))
    assert (rgb.mode, rgb.size) == ("RGB", (5, 3))


@pytest.mark.parametrize(
    ("mode", "colour", "name", "expected"),
    [
        ("L", 100, "grey.png", (100, 100, 100)),
        ("L", 100, "grey.jpg", (100, 100, 100)),
        ("CMYK", (0, 255, 255, 0), "cmyk.jpg", (255, 0, 0)),
        ("CMYK", (255, 0, 0, 0), "cmyk.tif", (0, 255, 255)),
        ("RGBA", (10, 20, 30, 0), "transparent.png", (10, 20, 30)),
        ("LA", (10, 128), "la.png", (10, 10, 10)),
        ("1", 1, "bilevel.png", (255, 255, 255)),
        ("I;16", 65535, "white16.png", (255, 255, 255)),
        ("I;16", 32896, "grey16.tif", (128, 128, 128)),  # 128 * 257
    ],
)
def test_colours_survive(
    tmp_path: Path, mode: str, colour: object, name: str, expected: tuple[int, ...]
) -> None:
    path = saved(tmp_path, Image.new(mode, (16, 8), colour), name)  # type: ignore[arg-type]
    pixels = np.asarray(load_image(path)).astype(int)
    assert pixels.shape == (8, 16, 3)
    assert abs(pixels - expected).max() <= 2  # JPEG rounds


@pytest.mark.parametrize("transparency", [0, b"\x00\x80"])
def test_palette_with_and_without_transparency(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    plain, transparent = tmp_path / "plain.png", tmp_path / "transparent.png"
    image.save(plain)
    image.save(transparent, transparency=transparency)
    for path in (plain, transparent):
        assert load_image(path).getpixel((0, 0)) == (200, 100, 50)


def test_sixteen_bit_portable_grey_map_uses_its_own_range(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 1023\n" + (1023).to_bytes(2, "big") + (0).to_bytes(2, "big"))
    assert np.asarray(load_image(path))[0, :, 0].tolist() == [255, 0]


def test_exif_orientation_is_applied_only_on_demand(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 10))
    exif = image.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    path = tmp_path / "turned.jpg"
    image.save(path, exif=exif)
    assert load_image(path).size == (30, 10)
    assert load_image(path, apply_exif=True).size == (10, 30)


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert load_image(path).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png"])
def test_truncated_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = saved(tmp_path, Image.fromarray(pixels), name)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DatasetError, match=f"{name}: not a readable image"):
        load_image(path)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not an image")
    with pytest.raises(DatasetError, match=r"text\.jpg: not a readable image"):
        load_image(text)
    with pytest.raises(DatasetError, match=r"absent\.jpg: no such image file"):
        load_image(tmp_path / "absent.jpg")
    with pytest.raises(DatasetError, match="no such image file"):
        load_image(tmp_path)


def test_floating_point_images_are_refused_with_the_fix(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("F", (4, 4), 0.5), "float.tif")
    with pytest.raises(DatasetError, match=r"float\.tif: floating-point.*8 or 16 bit"):
        load_image(path)


HEADERS = (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00", b"P6 ")


@settings(max_examples=150)
@given(header=st.sampled_from(HEADERS), body=st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_dataset_error(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, body: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.bin"
    path.write_bytes(header + body)
    try:
        assert load_image(path).mode == "RGB"
    except DatasetError as error:
        assert "fuzz.bin" in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
