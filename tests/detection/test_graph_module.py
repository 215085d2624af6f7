"""Wiring: partial runs, shared modules, errors."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from detection import BuildError, GraphModule
from searchspaces import DetectorSpec, ModuleSpec, TensorSpec, chain

MakeSpec = Callable[..., DetectorSpec]


def stem(c_in: int = 3) -> ModuleSpec:
    side = TensorSpec((1, c_in, 16, 16))
    return ModuleSpec.of(
        "stem_conv",
        [side],
        in_channels=c_in,
        out_channels=4,
        kernel=3,
        stride=1,
        bias=0,
        norm="bn",
        activation="relu",
    )


def test_a_chain_runs_its_modules_in_order() -> None:
    module = GraphModule(chain([stem(), stem(4)])).eval()
    x = torch.randn(1, 3, 16, 16)
    (out,) = module(x)
    assert torch.equal(out, module.nodes["m1"](module.nodes["m0"](x)))


def test_a_partial_run_computes_only_what_is_between(make_spec: MakeSpec) -> None:
    module = GraphModule(make_spec("fpn").graph()).eval()
    image = torch.randn(1, 3, 64, 64)
    ran: list[str] = []
    for name, node in module.nodes.items():
        node.register_forward_hook(lambda *_, name=name: ran.append(name))
    with torch.no_grad():
        *levels, logits = module.run(
            {"image": image}, [f"neck{':' + str(i) if i else ''}" for i in range(5)] + ["rpn_head"]
        )
        assert not {"proposals", "roi_align", "detections"} & set(ran)
        ran.clear()
        given = {f"neck{':' + str(i) if i else ''}": x for i, x in enumerate(levels)}
        (again,) = module.run(given, ["rpn_head"])
    assert ran == ["rpn_head"]
    assert torch.equal(again, logits)


def test_shared_modules_are_used_and_not_copied() -> None:
    shared = nn.Conv2d(3, 4, 3, padding=1)
    module = GraphModule(chain([stem()]), {"m0": shared})
    assert module.nodes["m0"] is shared


def test_a_module_for_no_node_is_refused() -> None:
    with pytest.raises(BuildError, match=r"\['other'\]"):
        GraphModule(chain([stem()]), {"other": nn.Identity()})


@pytest.mark.parametrize(
    ("given", "wanted"), [({}, ["m0"]), ({"input_0": torch.zeros(1)}, ["nowhere"])]
)
def test_what_cannot_be_computed_is_named(
    given: dict[str, torch.Tensor], wanted: list[str]
) -> None:
    with pytest.raises(BuildError, match=r"cannot be computed .*graph takes \['input_0'\]"):
        GraphModule(chain([stem()])).run(given, wanted)


@pytest.mark.parametrize("head", ["fpn", "retinanet"])
def test_batch_size_does_not_matter(make_spec: MakeSpec, head: str) -> None:
    module = GraphModule(make_spec(head).graph(batch=1)).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "classes.bias" in name:
                parameter.fill_(0.0)  # so that there are detections
        images = torch.randn(3, 3, 64, 64)
        together = module(images)
        alone = [module(image[None]) for image in images]
    for index, tensor in enumerate(together):
        joined = torch.cat([outputs[index] for outputs in alone])
        torch.testing.assert_close(tensor, joined, rtol=1e-4, atol=1e-3)
    assert int(together[3].min()) > 0
