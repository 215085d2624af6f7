"""Random weights that give box selection the work that trained ones do.

How long box selection takes depends on how many candidates pass the score threshold. Freshly
drawn classifiers give every candidate nearly the same low score: none passes, and a detector is
timed without a part that users wait for. The last layer of each classifier is therefore scaled
and shifted until a stated share of the candidates passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from searchspaces import ModuleSpec, Node, anchors_per_level

from .graph_module import GraphModule

# What takes time is the boxes that are kept, each compared with all others. A trained detector's
# passing boxes overlap much and few are kept; random ones overlap less, so fewer have to pass.
# A detnas-nano RetinaNet trained to AP50 0.92 took as long on four images (median 1.62 ms) as its
# random twin with 8 to 12 % passing (1.60 to 1.62 ms); with 25 % the twin took 6 % longer.
# Of several inputs the median one gets this share. Others get more or less, as images do: on
# photographs of unit contrast, 0.4 to 2.4 times as much in nano Faster R-CNNs, mostly 0.1 to 7
# times in RetinaNets. (Without unit contrast, none to 25 times: random networks follow contrast.)
SHARE = 0.1
LOGIT_STD = 2.0  # spread of the class logits, about that of a trained classifier
AVERAGE = "average_scores"
NEVER = -30.0  # logit of a background that takes nothing


def spread_scores(module: GraphModule, *inputs: Mapping[str, Tensor]) -> None:
    """Scale and shift the classifiers of a graph so that a share of the candidates scores.

    A graph without classifier or without final detections is left as it is.

    Args:
        module: In evaluation mode; the last layers of its classifiers are changed in place.
        inputs: Every graph input, once or several times; the logits' statistics are taken from
            them. Of several the median one's candidates pass as said.
    """
    for selection in module.graph.nodes:
        if selection.spec.kind not in _SPREAD:
            continue
        heads = [_classifier(module, node) for node in _heads(module.graph.nodes, selection)]
        if not heads:
            continue
        with torch.no_grad():
            for layer in heads:
                layer.get_parameter("bias").zero_()
            logits = [module.run(each, selection.inputs[:1])[0] for each in inputs]
            std = _median([float(each.std()) for each in logits])
            factor = LOGIT_STD / max(std, torch.finfo(torch.float32).tiny)
            for layer in heads:
                layer.get_parameter("weight").mul_(factor)
            spread = [each * factor for each in logits]
            _SPREAD[selection.spec.kind](spread, selection.spec, heads)


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


def _spread_sigmoid(logits: list[Tensor], spec: ModuleSpec, heads: list[nn.Module]) -> None:
    shift = _median([passing_shift(each, spec) for each in logits])
    for layer in heads:
        nn.init.constant_(layer.get_parameter("bias"), shift)


def _spread_softmax(logits: list[Tensor], spec: ModuleSpec, heads: list[nn.Module]) -> None:
    """Give the background one logit for all rows, low enough for the share to pass."""
    background = _median([_passing_background(each, spec) for each in logits])
    for layer in heads:
        layer.get_parameter("weight")[-1].zero_()
        nn.init.constant_(layer.get_parameter("bias")[-1:], background)


def _passing_background(logits: Tensor, spec: ModuleSpec) -> float:
    """Return the background's logit with which the share of the pairs (row, class) passes.

    A pair passes a threshold t where exp(background) < exp(class) / t minus the sum of exp over
    the classes. The mean of several heads' equal backgrounds is that background.
    """
    scores = logits[:, :-1].double().exp()
    room = scores / spec.get_float("score_threshold") - scores.sum(1, keepdim=True)
    wanted = max(1, int(SHARE * spec.get_int("pre_nms") * spec.batch))
    least = float(room.flatten().topk(min(wanted, room.numel())).values[-1])
    return float(torch.tensor(least).log()) if least > 0 else NEVER


def _median(values: Sequence[float]) -> float:
    """Return a middle one of the values, the lower of two."""
    return sorted(values)[(len(values) - 1) // 2]


def _heads(nodes: tuple[Node, ...], selection: Node) -> list[Node]:
    """Return the heads whose logits a final selection takes, as far as the graph holds them.

    A cascade's selection takes the mean of several.
    """
    made = {node.name: node for node in nodes}
    source = made.get(selection.inputs[0])
    if source is None:
        return []
    refs = source.inputs if source.spec.kind == AVERAGE else (source.name,)
    return [made[ref] for ref in refs if ref in made]


def _classifier(module: GraphModule, head: Node) -> nn.Module:
    return module.nodes[head.name].get_submodule("classes")


_SPREAD = {"rcnn_detections": _spread_softmax, "retinanet_detections": _spread_sigmoid}
