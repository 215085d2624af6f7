"""What is said of a foreign file takes effect, or is refused."""

from __future__ import annotations

import pytest

from latency import FORMATS, LatencyError, make_origin
from tests.latency.oracle import OPTIONS

ARCH = "detnas-nano:00-00-0000-00"


@pytest.mark.parametrize("name", FORMATS)
def test_an_architecture_is_of_profiles_by_layers_alone(name: str) -> None:
    if FORMATS[name].by_layer:
        graph = make_origin(name, "V100", arch=ARCH, space_options=OPTIONS).graph
        assert graph is not None
        assert graph.inputs[0][1].shape == (1, 3, 64, 64)
        return
    with pytest.raises(LatencyError, match=rf"--arch.* trtexec-json; {name} .*: leave it out"):
        make_origin(name, "V100", arch=ARCH)


@pytest.mark.parametrize("name", FORMATS)
def test_options_of_a_space_need_an_architecture(name: str) -> None:
    with pytest.raises(LatencyError, match=r"head, input_hw, num_classes are .*--arch, or leave"):
        make_origin(name, "V100", space_options=OPTIONS)
