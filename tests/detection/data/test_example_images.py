from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from detection import DatasetError, Preprocess, example_images


def test_scenes_are_drawn_by_the_seed_at_the_inputs_size():
    a, b, c = (example_images((64, 96), 3, seed=seed) for seed in (0, 0, 1))
    assert a.shape == (3, 3, 64, 96)
    assert a.dtype == np.float32
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert not np.array_equal(a[0], a[1])
    assert np.array_equal(a[:2], example_images((64, 96), 2))


def test_the_smallest_input_holds_objects():
    assert example_images((32, 32), 1).std() > 0.2


def test_photographs_are_preprocessed_and_used_again(tmp_path):
    (tmp_path / "deep").mkdir()
    pictures = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    pictures[0].save(tmp_path / "a.png")
    pictures[1].save(tmp_path / "deep" / "b.PNG")
    (tmp_path / "note.txt").write_text("no image")
    images = example_images((64, 64), 5, folder=tmp_path)
    wanted = [Preprocess((64, 64)).apply(picture)[0] for picture in pictures]
    assert {image.tobytes() for image in images} == {image.tobytes() for image in wanted}
    assert np.array_equal(images[:2], images[2:4])


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no image"):
        example_images((64, 64), 1, folder=tmp_path)
    with pytest.raises(DatasetError, match="holds no image"):
        example_images((64, 64), 1, folder=tmp_path / "missing")
