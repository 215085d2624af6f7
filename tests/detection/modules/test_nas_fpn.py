"""NAS-FPN's neck: a second implementation, any size, and the same numbers in other engines."""

import numpy as np
import pytest
import torch

from detection import GraphModel, build_module
from engines import BACKENDS, TorchModel, get_backend
from searchspaces import (
    BoxHead,
    DetectorSpec,
    DetNasSpace,
    ModuleSpec,
    NasFpn,
    RegionProposals,
    RetinaNetHead,
    TensorSpec,
    chain,
    octave_scales,
)
from tests.searchspaces.reference_nas_fpn import NasPyramid

SIZES = [(32, 64), (25, 34), (33, 9), (7, 19), (1, 1)]
CHANNELS = (4, 6, 8)


def neck(finest=(25, 34), batch=2, out=8, cells=2, norm="bn"):
    maps, (height, width) = [], finest
    for channels in CHANNELS:
        maps.append(TensorSpec((batch, channels, height, width)))
        height, width = -(-height // 2), -(-width // 2)
    return ModuleSpec.of(
        "nas_fpn",
        maps,
        batch=batch,
        in_channels=":".join(map(str, CHANNELS)),
        out_channels=out,
        extra_levels=2,
        cells=cells,
        norm=norm,
    )


def maps_of(spec):
    return [torch.randn(t.shape) for t in spec.inputs]


@pytest.mark.parametrize("finest", SIZES)
@pytest.mark.parametrize("norm", ["none", "bn"])
def test_it_is_the_neck_of_the_paper(finest, norm):
    spec = neck(finest, norm=norm)
    mine, reference = build_module(spec).eval(), NasPyramid(CHANNELS, 8, 2, norm).eval()
    with torch.no_grad():
        for parameter in mine.parameters():
            parameter.normal_(0.1, 0.3)
    values = mine.state_dict().values()
    reference.load_state_dict(dict(zip(reference.state_dict(), values, strict=True)))
    maps = maps_of(spec)
    with torch.no_grad():
        for left, right in zip(mine(*maps), reference(*maps), strict=True):
            torch.testing.assert_close(left, right)


def test_every_parameter_and_map_is_trained():
    spec = neck()
    module, maps = build_module(spec), [x.requires_grad_() for x in maps_of(spec)]
    sum(level.square().mean() for level in module(*maps)).backward()
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in maps)
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_signal_neither_vanishes_nor_explodes():
    spec = neck((32, 32), cells=7)
    for level in build_module(spec)(*maps_of(spec)):
        assert 0.3 < float(level.detach().std()) < 3


def run_both(graph, backend):
    """Return what an engine and what torch gives."""
    model = GraphModel(graph)
    module, inputs = model.torch_module(), model.example_inputs()
    with torch.no_grad():
        expected = module(*map(torch.from_numpy, inputs.values()))
    with get_backend(backend).build(TorchModel(module, inputs)) as engine:
        return list(engine.run(inputs).values()), [tensor.numpy() for tensor in expected]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("finest", [(25, 34), (33, 9)])
def test_other_engines_give_the_same_levels(backend, finest):
    missing = BACKENDS[backend].unavailable_reason()
    if missing is not None:
        pytest.skip(missing)
    for left, right in zip(*run_both(chain([neck(finest)], part="neck"), backend), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)


def detector(head, hw=(70, 94)):
    space = DetNasSpace("detnas-nano", "fpn", hw, 5)
    backbone = space.detector(space.decode("0123012301")).backbone
    if head == "retinanet":
        made, rpn = RetinaNetHead(16, num_convs=1, anchor_scales=octave_scales(4.0)), None
    else:
        rpn = RegionProposals(pre_nms=50, post_nms=20)
        made = BoxHead(num_convs=0, num_fcs=2, fc_channels=16, norm="none")
    return DetectorSpec(hw, backbone, NasFpn(16, cells=2), rpn, made, 5)


@pytest.mark.parametrize("head", ["2fc", "retinanet"])
def test_detectors_around_it(head):
    spec = detector(head)
    graph = spec.graph()
    levels = next(n.spec for n in graph.nodes if n.name.endswith("_head")).inputs
    given, expected = run_both(graph, "onnxruntime")
    assert given[3].tolist() == expected[3].tolist()
    np.testing.assert_allclose(given[1], expected[1], atol=1e-4)
    assert len(levels) == 5
    if head == "2fc":
        pooling = next(n.spec for n in graph.nodes if n.name == "roi_align")
        assert pooling.get_ints("strides") == (8, 16, 32, 64)
