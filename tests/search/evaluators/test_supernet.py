"""Scores of a supernet's paths.

The objects in the scoring images are what one path, A, detects there: its AP is 100 by
construction, every other path's is lower, and any drift of A's statistics shows.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from detection import (
    CocoDataset,
    DatasetError,
    ImageDetections,
    Preprocess,
    Supernet,
    detect_dataset,
    make_loader,
    open_split,
    recalibrate_bn,
    run_module,
    score_detections,
)
from search import UNDECIDED, Budget
from search.evaluators import supernet as module
from search.evaluators.completing import completions_of
from search.evaluators.supernet import SupernetEvaluator
from searchspaces import Architecture, SearchSpace, make_space
from tests.search.conftest import OPTIONS

CODES = ("0123012301", "3333333333", "0000000000")
OBJECTS = 20  # A's surest detections over all images: nothing else of A's ranks before them
Make = Callable[..., SupernetEvaluator]


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return make_space("detnas-nano", **OPTIONS)


@pytest.fixture(scope="module")
def archs(space: SearchSpace) -> list[Architecture]:
    return [space.decode(code) for code in CODES]


@pytest.fixture(scope="module")
def supernet(space: SearchSpace) -> Supernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        supernet = Supernet(space)
        with torch.no_grad():
            for name, value in supernet.named_parameters():
                if "classes" in name or "cls" in name:
                    value.copy_(torch.randn_like(value) * 0.3)
    return supernet.eval()


@pytest.fixture(scope="module")
def recalibration(shapes: Path) -> CocoDataset:
    return open_split(shapes, "train", Preprocess((64, 64)))


@pytest.fixture(scope="module")
def scoring(
    tmp_path_factory: pytest.TempPathFactory,
    shapes: Path,
    supernet: Supernet,
    recalibration: CocoDataset,
    archs: list[Architecture],
) -> CocoDataset:
    folder = Path(shutil.copytree(shapes, tmp_path_factory.mktemp("scoring") / "data"))
    path_a = supernet.extract(archs[0])
    recalibrate_bn(path_a, [i for i, _ in make_loader(recalibration.first(6), 6)])
    found = detect_dataset(run_module(path_a.eval()), open_split(folder, "val", _prep()))
    annotations = folder / "annotations" / "instances_val.json"
    document = json.loads(annotations.read_text())
    least = sorted((score for image in found for score in image.scores), reverse=True)[OBJECTS]
    rows = [row for image in found for row in _objects(image, least)]
    document["annotations"] = [{**row, "id": number} for number, row in enumerate(rows, start=1)]
    annotations.write_text(json.dumps(document))
    return open_split(folder, "val", _prep())


def _prep() -> Preprocess:
    return Preprocess((64, 64))


def _objects(image: ImageDetections, least: float) -> list[dict[str, object]]:
    return [
        {
            "image_id": image.image_id,
            "category_id": int(image.category_ids[index]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
        }
        for index, (x1, y1, x2, y2) in enumerate(image.boxes.tolist())
        if image.scores[index] > least
    ]


@pytest.fixture
def make(supernet: Supernet, recalibration: CocoDataset, scoring: CocoDataset) -> Make:
    def make_(images: int = 6) -> SupernetEvaluator:
        return SupernetEvaluator(supernet, recalibration, scoring, images)

    return make_


def test_the_path_that_the_objects_come_from_is_best(
    make: Make, archs: list[Architecture]
) -> None:
    scores = [make().evaluate(arch) for arch in archs]
    assert scores[0]["ap50"] == pytest.approx(100.0, abs=0.5)
    assert all(score["ap"] < scores[0]["ap"] - 20 for score in scores[1:])
    assert scores[0].keys() == {"ap", "ap50", "ap75"}


def test_scores_depend_on_the_architecture_alone(make: Make, archs: list[Architecture]) -> None:
    a, b, c = archs
    one = make()
    forth = [one.evaluate(arch) for arch in (a, b, c, a)]
    assert forth[0] == forth[3]
    other = make()
    back = [other.evaluate(arch) for arch in (c, b, a)]
    assert back == forth[2::-1]
    assert len({score["ap"] for score in forth[:3]}) >= 2


def test_the_supernet_stays_as_it_is(
    make: Make, supernet: Supernet, archs: list[Architecture]
) -> None:
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    make().evaluate(archs[1])
    assert all(torch.equal(v, before[k]) for k, v in supernet.state_dict().items())
    assert not any(child.training for child in supernet.modules())


def test_images_from_memory_and_from_disk_give_the_same(
    make: Make, archs: list[Architecture], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = make()
    expected = [cached.evaluate(arch) for arch in archs]
    assert cached._images._cache is not None
    monkeypatch.setattr(module, "CACHE_BYTES", 0)
    read = make()
    assert [read.evaluate(arch) for arch in archs] == expected
    assert read._images._cache is None


def test_statistics_come_from_the_first_images(make: Make, archs: list[Architecture]) -> None:
    assert make(6).evaluate(archs[0]) != make(3).evaluate(archs[0])
    assert make(24).evaluate(archs[0]) == make(500).evaluate(archs[0])


@pytest.mark.parametrize(
    ("images", "sizes"), [(1, [1]), (16, [16]), (17, [9, 8]), (24, [12, 12]), (99, [12, 12])]
)
def test_batches_are_of_equal_sizes(make: Make, images: int, sizes: list[int]) -> None:
    evaluator = make(images)
    for _ in range(2):  # read, then from memory
        assert [len(batch) for batch in evaluator._images] == sizes
    everything = torch.cat(list(evaluator._images))
    first = [evaluator._images._dataset[index][0] for index in range(sum(sizes))]
    assert torch.equal(everything, torch.stack(first))


def test_a_budget_bounds_the_scoring_images(
    make: Make,
    supernet: Supernet,
    recalibration: CocoDataset,
    scoring: CocoDataset,
    archs: list[Architecture],
) -> None:
    evaluator = make()
    for images in (1, 2):
        fewer = SupernetEvaluator(supernet, recalibration, scoring.first(images), 6)
        limited = evaluator.evaluate(archs[1], Budget(images=images))
        assert limited == fewer.evaluate(archs[1])
    full = evaluator.evaluate(archs[1])
    assert evaluator.evaluate(archs[1], Budget(images=1)) != full
    assert evaluator.evaluate(archs[1], Budget(images=10**6)) == full
    assert evaluator.evaluate(archs[1], Budget(epochs=3)) == full
    half = evaluator.evaluate(archs[1], Budget(images=round(0.5 * len(scoring))))
    assert evaluator.evaluate(archs[1], Budget(share=0.5)) == half
    assert evaluator.evaluate(archs[1], Budget(images=2, share=0.5)) == evaluator.evaluate(
        archs[1], Budget(images=1)
    )


@pytest.mark.parametrize("images", [0, -1])
def test_statistics_need_images(make: Make, images: int) -> None:
    with pytest.raises(DatasetError, match=f"asked for the first {images} images"):
        make(images)


# --- partial codes


def partial(space: SearchSpace, first: int) -> Architecture:
    """Leave all genes but the first undecided."""
    genes = (first, *((UNDECIDED,) * (len(space.decode(CODES[0]).genes) - 1)))
    return Architecture(space.name, genes)


def test_one_mini_batch_is_scored_by_one_completion(
    make: Make, space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPLETION_BATCH", 4)  # as many as there are scoring images
    evaluator = make()
    for first in (0, 3):
        code = partial(space, first)
        completion = next(completions_of(space, code, 0))
        assert completion.genes[0] == first
        assert evaluator.evaluate(code) == evaluator.evaluate(completion)


def test_every_mini_batch_has_a_completion_of_its_own(
    make: Make,
    space: SearchSpace,
    supernet: Supernet,
    recalibration: CocoDataset,
    scoring: CocoDataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COMPLETION_BATCH", 1)
    code = partial(space, 1)
    completions = completions_of(space, code, 0)
    found = []
    for image in scoring.annotations.images:
        path = supernet.extract(next(completions))
        recalibrate_bn(path, [images for images, _ in make_loader(recalibration.first(6), 6)])
        found += detect_dataset(run_module(path.eval()), scoring.subset([image.id]))
    expected = 100 * score_detections(scoring.annotations, found).ap
    assert make().evaluate(code)["ap"] == pytest.approx(expected)


def test_partial_scores_depend_on_the_code_alone(make: Make, space: SearchSpace) -> None:
    codes = [partial(space, first) for first in (0, 2)]
    one = make()
    forth = [one.evaluate(code) for code in (codes[0], codes[1], codes[0])]
    other = make()
    back = [other.evaluate(code) for code in (codes[1], codes[0])]
    assert forth[0] == forth[2] == back[1]
    assert forth[1] == back[0]
    assert forth[0] != forth[1]


@pytest.mark.gpu
def test_a_gpu_scores_alike(
    space: SearchSpace,
    supernet: Supernet,
    recalibration: CocoDataset,
    scoring: CocoDataset,
    make: Make,
    archs: list[Architecture],
) -> None:
    expected = [make().evaluate(arch)["ap50"] for arch in archs]
    copy = Supernet(space)
    copy.load_state_dict(supernet.state_dict())
    on_gpu = SupernetEvaluator(copy.eval(), recalibration, scoring, 6, device="cuda:0")
    found = [on_gpu.evaluate(arch)["ap50"] for arch in archs]
    assert found == pytest.approx(expected, abs=3.0)
