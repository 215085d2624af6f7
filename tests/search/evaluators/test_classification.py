"""Top-1 of a supernet's paths.

The labels of the scoring images are what one path, A, answers: its top-1 is 100 by construction.
A's answers come from statistics set by one forward pass with momentum 1.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from detection import (
    BackboneClassifier,
    ClassificationDataset,
    ClassifiedImages,
    Preprocess,
    Supernet,
    find_classified,
    make_linear,
)
from search.evaluators.classification import ClassificationEvaluator
from searchspaces import Architecture, make_space
from tests.search.conftest import OPTIONS

SPACE = make_space("detnas-nano", **OPTIONS)
A, *OTHERS = (SPACE.decode(code) for code in ("0123012301", "3333333333", "0000000000"))
RECALIBRATION = 10  # one batch
Make = Callable[[], ClassificationEvaluator]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ClassifiedImages:
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    (folder / "train" / "any").mkdir(parents=True)
    for number in range(40):
        coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((64, 64), Image.Resampling.NEAREST)
        picture.save(folder / "train" / "any" / f"{number:02}.png")
    return find_classified(folder, "train")


@pytest.fixture(scope="module")
def network() -> tuple[Supernet, nn.Linear]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        supernet = Supernet(SPACE).eval()
        linear = make_linear(supernet.detector(A), 3)
        nn.init.normal_(linear.weight)
        nn.init.zeros_(linear.bias)
    return supernet, linear


def dataset(images: ClassifiedImages) -> ClassificationDataset:
    return ClassificationDataset(images, Preprocess((64, 64)))


def pixels(images: ClassifiedImages, start: int, stop: int) -> torch.Tensor:
    return torch.stack([dataset(images)[index][0] for index in range(start, stop)])


def answers(
    network: tuple[Supernet, nn.Linear], arch: Architecture, images: ClassifiedImages
) -> list[int]:
    supernet, linear = network
    path = supernet.extract(arch).train()
    for layer in path.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    classifier = BackboneClassifier(path, linear)
    with torch.no_grad():
        classifier.logits(pixels(images, 0, RECALIBRATION))
        path.eval()
        logits = classifier.logits(pixels(images, RECALIBRATION, len(images.files)))
    answered: list[int] = logits.argmax(1).tolist()
    return answered


@pytest.fixture(scope="module")
def labelled(images: ClassifiedImages, network: tuple[Supernet, nn.Linear]) -> ClassifiedImages:
    labels = answers(network, A, images)
    assert len(set(labels)) > 1
    names = [name for name, _ in images.files[RECALIBRATION:]]
    return replace(images, files=tuple(zip(names, labels, strict=True)))


@pytest.fixture
def make(
    images: ClassifiedImages, labelled: ClassifiedImages, network: tuple[Supernet, nn.Linear]
) -> Make:
    first = replace(images, files=images.files[:RECALIBRATION])
    return lambda: ClassificationEvaluator(*network, dataset(first), dataset(labelled))


def test_the_path_that_the_labels_come_from_is_always_right(make: Make) -> None:
    assert make().evaluate(A) == {"top1": 100.0}


def test_other_paths_answer_as_they_do(
    make: Make,
    images: ClassifiedImages,
    labelled: ClassifiedImages,
    network: tuple[Supernet, nn.Linear],
) -> None:
    labels = np.array([label for _, label in labelled.files])
    for arch in OTHERS:
        right = 100 * np.mean(labels == answers(network, arch, images))
        assert make().evaluate(arch)["top1"] == pytest.approx(right)
        assert right < 100.0


def test_the_supernet_stays_as_it_is(make: Make, network: tuple[Supernet, nn.Linear]) -> None:
    before = {name: value.clone() for name, value in network[0].state_dict().items()}
    make().evaluate(A)
    assert all(torch.equal(v, before[k]) for k, v in network[0].state_dict().items())
    assert not any(child.training for child in network[0].modules())
