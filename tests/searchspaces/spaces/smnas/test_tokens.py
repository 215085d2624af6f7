import time

import numpy as np
import pytest

from searchspaces import CostCounter
from tests.searchspaces.spaces.smnas.every_space import SPACES


def test_equal_names_mean_equal_modules_in_the_same_part(space):
    rng, meaning = np.random.default_rng(0), {}
    for _ in range(300):
        arch = space.sample(rng)
        tokens, nodes = space.node_tokens(arch), space.detector(arch).graph().nodes
        assert len(tokens) == len(nodes)
        for token, node in zip(tokens, nodes, strict=True):
            assert meaning.setdefault(token, (node.part, node.spec)) == (node.part, node.spec)


def test_names_repeat_about_as_often_as_modules_do(space):
    """Names that told every place apart would be right and useless."""
    rng, names, modules = np.random.default_rng(1), set(), set()
    for _ in range(100):
        arch = space.sample(rng)
        names.update(space.node_tokens(arch))
        modules.update((n.part, n.spec) for n in space.detector(arch).graph().nodes)
    assert len(names) < 2.1 * len(modules)


def test_counts_by_names_are_the_detectors(space):
    rng = np.random.default_rng(2)
    archs = [space.sample(rng) for _ in range(40)]
    counts = CostCounter(space).count(archs)
    for arch, total, params in zip(archs, counts.total(), counts.params, strict=True):
        detector = space.detector(arch)
        assert (int(total), int(params)) == (detector.macs()["total"], detector.params())


@pytest.mark.timing
@pytest.mark.parametrize("name", ["structural", "modular"])
def test_naming_takes_at_most_15_microseconds(name):
    space, rng = SPACES[name](), np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(5000)]
    for arch in archs:
        space.node_tokens(arch)
    start = time.process_time()
    for arch in archs:
        space.node_tokens(arch)
    assert (time.process_time() - start) / len(archs) <= 15e-6
