"""Layers of what chooses boxes: by counts, since what is kept depends on the image."""

from __future__ import annotations

from searchspaces import ModuleSpec, anchors_per_level, outputs_of

from ..layers import Layer, Pass, best_of, decoded, pointwise, suppressed


def _proposals(spec: ModuleSpec) -> list[Layer]:
    return _chosen(spec)


def _guided_proposals(spec: ModuleSpec) -> list[Layer]:
    cells = spec.inputs[0].numel
    reshaped = pointwise(spec.batch * 4 * _candidates(spec), 8)
    return [pointwise(cells, 4), *_chosen(spec), reshaped]


def _chosen(spec: ModuleSpec) -> list[Layer]:
    """Return the best of every level, decoded and suppressed there, and the best of all."""
    images, pre = spec.batch, spec.get_int("pre_nms")
    total = _candidates(spec)
    layers: list[Layer] = []
    for anchors in anchors_per_level(spec):
        layers += best_of(images, anchors, min(pre, anchors))
    layers += decoded(images * total)
    for anchors in anchors_per_level(spec):
        layers += suppressed(images, min(pre, anchors))
    kept = min(spec.get_int("post_nms"), total)
    return [*layers, *best_of(images, total, kept), pointwise(4 * images * kept, 3)]


def _candidates(spec: ModuleSpec) -> int:
    pre = spec.get_int("pre_nms")
    return sum(min(pre, anchors) for anchors in anchors_per_level(spec))


def _rcnn_detections(spec: ModuleSpec) -> list[Layer]:
    logits, images = spec.inputs[0], spec.batch
    scores = spec.inputs[2].shape[1] * spec.get_int("num_classes")
    kept = min(spec.get_int("pre_nms"), scores)
    return [
        pointwise(logits.numel, 5),  # softmax, threshold
        *best_of(images, scores, kept),
        *_finished(spec, kept),
    ]


def _retinanet_detections(spec: ModuleSpec) -> list[Layer]:
    classes, pre, images = spec.get_int("num_classes"), spec.get_int("pre_nms"), spec.batch
    layers: list[Layer] = []
    kept = 0
    for anchors in anchors_per_level(spec):
        best = min(pre, anchors)
        if anchors > pre:  # first the anchors whose best class is best
            layers.append(Pass(images * anchors * classes, images * anchors))
            layers += best_of(images, anchors, best)
        layers += best_of(images, best * classes, min(pre, anchors * classes))
        kept += min(pre, anchors * classes)
    return [*layers, *_finished(spec, kept)]


def _finished(spec: ModuleSpec, kept: int) -> list[Layer]:
    """Return decoding, suppression within classes and the best of all."""
    boxes, *_ = outputs_of(spec)
    top = min(spec.get_int("max_detections"), kept)
    return [
        *decoded(spec.batch * kept),
        pointwise(4 * spec.batch * kept, 2),  # classes are moved apart
        *suppressed(spec.batch, kept),
        *best_of(spec.batch, kept, top),
        pointwise(boxes.numel, 4),
    ]


SPLITS = {
    "proposals": _proposals,
    "guided_proposals": _guided_proposals,
    "rcnn_detections": _rcnn_detections,
    "retinanet_detections": _retinanet_detections,
}
