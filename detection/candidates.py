"""Random weights that give box selection the work that trained ones do.

How long box selection takes depends on how many candidates pass the score threshold. Freshly
drawn classifiers give every candidate nearly the same low score: none passes, and a detector is
timed without a part that users wait for. The last layer of each classifier is therefore scaled
and shifted until a stated share of the candidates passes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from searchspaces import ModuleSpec, Node, anchors_per_level

from .graph_module import GraphModule

# What takes time is the boxes that are kept, each compared with all others. A trained detector's
# passing boxes overlap much and few are kept; random ones overlap less, so fewer have to pass.
# A detnas-nano RetinaNet trained to AP50 0.92 took as long on four images (median 1.62 ms) as its
# random twin with 8 to 12 % passing (1.60 to 1.62 ms); with 25 % the twin took 6 % longer.
SHARE = 0.1
LOGIT_STD = 2.0  # spread of the class logits, about that of a trained classifier
NEVER = -30.0  # logit of a background that takes nothing


def spread_scores(module: GraphModule, inputs: Mapping[str, Tensor]) -> None:
    """Scale and shift the classifiers of a graph so that a share of the candidates scores.

    A graph without classifier or without final detections is left as it is.

    Args:
        module: In evaluation mode; the last layers of its classifiers are changed in place.
        inputs: Every graph input; the logits' statistics are taken from them.
    """
    for node in module.graph.nodes:
        selection = _selection(module.graph.nodes, node)
        if selection is None or node.spec.kind not in _SPREAD:
            continue
        layer = module.nodes[node.name].get_submodule("classes")
        weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
        with torch.no_grad():
            bias.zero_()
            (logits,) = module.run(inputs, (node.name,))
            factor = float(LOGIT_STD / logits.std().clamp_min(torch.finfo(logits.dtype).tiny))
            weight.mul_(factor)
            _SPREAD[node.spec.kind](logits * factor, selection.spec, weight, bias)


def passing_shift(logits: Tensor, spec: ModuleSpec) -> float:
    """Return what RetinaNet's logits have to be raised by for the share to pass.

    Args:
        logits: Of one or more images, any shape.
        spec: The ``retinanet_detections`` that selects from them.
    """
    per_level = (min(spec.get_int("pre_nms"), n) for n in anchors_per_level(spec))
    wanted = max(1, int(SHARE * sum(per_level) * spec.batch))
    last = logits.flatten().topk(min(wanted, logits.numel())).values[-1]
    threshold = torch.logit(torch.tensor(spec.get_float("score_threshold")))
    return float(threshold - last) + 1e-4  # the last one passes too


def _spread_sigmoid(logits: Tensor, spec: ModuleSpec, weight: Tensor, bias: Tensor) -> None:
    nn.init.constant_(bias, passing_shift(logits, spec))


def _spread_softmax(logits: Tensor, spec: ModuleSpec, weight: Tensor, bias: Tensor) -> None:
    """Give the background one logit for all rows, low enough for the share to pass.

    A pair (row, class) passes a threshold t where exp(background) < exp(class) / t minus the sum
    of exp over the classes.
    """
    weight[-1].zero_()
    scores = logits[:, :-1].double().exp()
    room = scores / spec.get_float("score_threshold") - scores.sum(1, keepdim=True)
    wanted = max(1, int(SHARE * spec.get_int("pre_nms") * spec.batch))
    least = float(room.flatten().topk(min(wanted, room.numel())).values[-1])
    nn.init.constant_(bias[-1:], float(torch.tensor(least).log()) if least > 0 else NEVER)


def _selection(nodes: tuple[Node, ...], head: Node) -> Node | None:
    """Return the final selection that takes a head's logits, if the graph holds it."""
    return next((n for n in nodes if n.inputs and n.inputs[0] == head.name), None)


_SPREAD = {"box_head": _spread_softmax, "retinanet_head": _spread_sigmoid}
