"""The one torch implementation of every module kind.

The same module is trained, profiled, counted and exported: fixed shapes, no branch on data, no
control flow in an exported graph.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from searchspaces import ModuleSpec

from ..errors import BuildError
from . import (
    conv,
    fpn,
    guided,
    masks,
    mobilenet,
    nas_fpn,
    rcnn,
    resnet,
    retinanet,
    roi_align,
    rpn,
    shuffle,
)

__all__ = ["MODULES", "build_module"]

MODULES: dict[str, Callable[[ModuleSpec], nn.Module]] = {
    **shuffle.MODULES,
    **resnet.MODULES,
    **mobilenet.MODULES,
    **fpn.MODULES,
    **nas_fpn.MODULES,
    **rpn.MODULES,
    **guided.MODULES,
    **roi_align.MODULES,
    **rcnn.MODULES,
    **masks.MODULES,
    **retinanet.MODULES,
    **conv.MODULES,
}
"""Kind -> builder; its keys are those of :data:`searchspaces.KINDS`."""


def build_module(spec: ModuleSpec) -> nn.Module:
    """Build the module that a specification names.

    It takes the specification's inputs positionally and gives a tensor, or a tuple where the kind
    gives several. Any batch size works. Weights are drawn from torch's global generator.

    Raises:
        BuildError: No implementation of the kind is registered.

    Example:
        >>> import torch
        >>> from searchspaces import TensorSpec
        >>> spec = ModuleSpec.of("stem_conv", [TensorSpec((1, 3, 64, 64))], in_channels=3,
        ...                      out_channels=16, kernel=3, stride=2, bias=1,
        ...                      norm="bn", activation="relu")
        >>> build_module(spec)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 16, 32, 32])
    """
    if spec.kind not in MODULES:
        raise BuildError(
            f"no module is registered for kind {spec.kind!r}; known: {', '.join(sorted(MODULES))}"
        )
    return MODULES[spec.kind](spec)
