"""torchvision's detectors with random weights that detect, and what they find by themselves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from detection import ImageDetections

CLASSES = 5
NAMES = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "fcos_resnet50_fpn",
)
QUICK = ("fasterrcnn_mobilenet_v3_large_320_fpn",)

# Last layers, the spread of what they give after `make`, and its mean.
SPREADS: dict[str, tuple[float, float]] = {
    "rpn.head.cls_logits": (1.0, 0.0),
    "rpn.head.bbox_pred": (0.3, 0.0),
    "roi_heads.box_predictor.cls_score": (1.0, 0.0),
    "roi_heads.box_predictor.bbox_pred": (1.0, 0.0),
    "roi_heads.mask_predictor.mask_fcn_logits": (2.0, 0.0),
    "head.classification_head.cls_logits": (1.0, -3.0),
    "head.regression_head.bbox_reg": (0.5, 0.5),
    "head.regression_head.bbox_ctrness": (1.0, 0.0),
}


def make(name: str, photographs: Tensor) -> nn.Module:
    """Make a detector whose statistics and scores are spread as a trained one's are.

    Args:
        name: A function of `torchvision.models.detection`.
        photographs: ``(b, 3, h, w)``, normalised.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        build = getattr(torchvision.models.detection, name)
        model: nn.Module = build(weights=None, weights_backbone=None, num_classes=CLASSES).eval()
        _settle_norms(model.backbone, photographs)
        known = dict(model.named_modules())
        for path, (spread, mean) in SPREADS.items():
            if path in known:
                _settle(known[path], spread, mean, lambda: own(model, photographs))
    return model


def own(model: nn.Module, images: Tensor) -> list[dict[str, Tensor]]:
    """Return what torchvision finds in images ``(b, 3, h, w)`` that are resized and normalised."""
    with _untransformed(model), torch.no_grad():
        found: list[dict[str, Tensor]] = model(list(images))
    return found


def own_detections(model: nn.Module, images: Tensor) -> list[ImageDetections]:
    return [
        ImageDetections(
            number,
            found["boxes"].double().numpy(),
            found["scores"].double().numpy(),
            found["labels"].numpy(),
        )
        for number, found in enumerate(own(model, images))
    ]


def padded_detections(outputs: Any) -> list[ImageDetections]:
    """Return the detections of boxes, scores, labels and counts, as tensors or arrays."""
    boxes, scores, labels, count = (np.asarray(array) for array in outputs[:4])
    return [
        ImageDetections(
            number,
            boxes[number, :n].astype(float),
            scores[number, :n].astype(float),
            labels[number, :n],
        )
        for number, n in enumerate(count.tolist())
    ]


class _Untouched(nn.Module):
    def forward(self, images: list[Tensor], targets: Any = None) -> tuple[ImageList, Any]:
        sizes = [(int(image.shape[1]), int(image.shape[2])) for image in images]
        return ImageList(torch.stack(images), sizes), targets

    def postprocess(self, result: Any, *_: Any) -> Any:
        return result


@contextmanager
def _untransformed(model: Any) -> Iterator[None]:
    kept = model.transform
    model.transform = _Untouched()
    try:
        yield
    finally:
        model.transform = kept


def _settle_norms(backbone: nn.Module, photographs: Tensor) -> None:
    layers = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    for layer in layers:
        layer.train()
        layer.momentum = 1.0
    backbone(photographs)
    backbone.eval()


def _settle(layer: nn.Module, spread: float, mean: float, run: Callable[[], object]) -> None:
    seen: list[Tensor] = []
    layer.get_parameter("bias").zero_()
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    run()
    handle.remove()
    layer.get_parameter("weight").mul_(spread / torch.cat([x.flatten() for x in seen]).std())
    layer.get_parameter("bias").fill_(mean)
