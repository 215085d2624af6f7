import io

import numpy as np
import pytest
from PIL import Image

from export import Detections, ExportResult
from export.delivery.samples import SAMPLES, chosen_rows
from tests.export.report.test_page import Page


def found(*scores: float) -> Detections:
    n = len(scores)
    return Detections(np.zeros((n, 4)), np.array(scores, float), np.zeros(n, int))


def test_equal_sides_show_images_of_all_the_data() -> None:
    side = [found(0.9, 0.5)] * 100
    rows = chosen_rows(side, side)
    assert len(rows) == SAMPLES
    assert (rows[0], rows[-1]) == (0, 99)
    assert chosen_rows(side[:1], side[:1]) == [0]
    assert chosen_rows(side[:3], side[:3]) == [0, 1, 2]


@pytest.mark.parametrize(
    "other", [found(0.9, 0.2), found(0.9), found(), found(0.9, 0.5, 0.4), found(0.6, 0.5)]
)
def test_the_image_that_differs_most_comes_first(other: Detections) -> None:
    torch = [found(0.9, 0.5)] * 50
    engine = [*torch[:17], other, *torch[18:]]
    for sides in ((torch, engine), (engine, torch)):
        rows = chosen_rows(*sides)
        assert rows[0] == 17
        assert len(rows) == len(set(rows)) == SAMPLES


def test_a_bundle_s_report_shows_both_sides(exported: ExportResult) -> None:
    page = Page(exported.bundle.report_path.read_text())
    assert len(page.alts) == 2 * 4
    assert [alt.split()[0] for alt in page.alts] == ["torch", "onnxruntime"] * 4
    assert all("found" in alt for alt in page.alts)
    assert any("circle" in alt or "square" in alt or "triangle" in alt for alt in page.alts)
    import base64

    for resource in page.resources:
        if resource.startswith("data:"):
            jpeg = base64.b64decode(resource.partition(",")[2])
            with Image.open(io.BytesIO(jpeg)) as image:
                image.load()
