"""The smallest detector of every family, for tests that all of them must pass."""

from searchspaces import (
    C4_ANCHOR_SCALES,
    CASCADE_STDS,
    BoxHead,
    CodedBackbone,
    DetectorSpec,
    Fpn,
    GuidedRegionProposals,
    MaskBranch,
    MobileNetV2Backbone,
    NasFpn,
    RegionProposals,
    ResNetBackbone,
    RetinaNetHead,
    ShuffleBackbone,
    SingleLevel,
    octave_scales,
)
from searchspaces.parts import Backbone, Head, Neck, Rpn

CLASSES = 3
SIDE = 96
BACKBONE = ShuffleBackbone(16, (32, 64, 128, 192), ((0, 1), (0, 0), (0, 3), (0,)))
FPN = Fpn(32)
ONE_EACH = (1, 1, 1, 1)
CODE = ("1", "21", "2", "2")
RPN = RegionProposals(anchor_scales=(4.0,), pre_nms=200, post_nms=100)
C4_RPN = RegionProposals(C4_ANCHOR_SCALES[:3], pre_nms=200, post_nms=64)
MASK = MaskBranch(num_convs=2, channels=32)
SINGLE_SCALES = (*octave_scales(1.0), *octave_scales(2.0))


def detector(
    head: Head,
    rpn: Rpn | None = RPN,
    neck: Neck = FPN,
    backbone: Backbone = BACKBONE,
    side: int = SIDE,
) -> DetectorSpec:
    """Return a two-stage detector, or a one-stage one where ``rpn`` is ``None``."""
    return DetectorSpec((side, side), backbone, neck, rpn, head, CLASSES)


def box_head(stages: int = 1, convs: int = 0, fcs: int = 2, **options: object) -> BoxHead:
    """Return a narrow box head or cascade."""
    return BoxHead(
        num_convs=convs,
        conv_channels=32,
        num_fcs=fcs,
        fc_channels=64,
        class_agnostic=stages > 1,
        stage_stds=CASCADE_STDS[:stages],
        **options,  # type: ignore[arg-type]
    )


VARIANTS: dict[str, DetectorSpec] = {
    "faster_rcnn_2fc": detector(box_head()),
    "4conv1fc": detector(box_head(convs=4, fcs=1)),
    "retinanet": detector(
        RetinaNetHead(32, 2), None, Fpn(32, first=1, extra="conv", extra_levels=2)
    ),
    "retinanet_c4": detector(
        RetinaNetHead(32, 2, anchor_scales=SINGLE_SCALES), None, SingleLevel()
    ),
    "cascade2": detector(box_head(2)),
    "cascade3": detector(box_head(3)),
    "cascade4": detector(box_head(4)),
    "c4": detector(box_head(roi_stage=True, roi_size=4), C4_RPN, SingleLevel()),
    "c4_cascade": detector(box_head(3, roi_stage=True, roi_size=4), C4_RPN, SingleLevel()),
    "c4_mask": detector(box_head(roi_stage=True, roi_size=4, mask=MASK), C4_RPN, SingleLevel()),
    "mask_rcnn": detector(box_head(mask=MASK)),
    "cascade_mask": detector(box_head(3, mask=MASK)),
    "ga_rpn": detector(
        box_head(),
        GuidedRegionProposals(anchor_scale=4.0, pre_nms=200, post_nms=100),
        Fpn(32, extra_levels=0, extra="none"),
    ),
    "resnet": detector(box_head(), backbone=ResNetBackbone("basic", ONE_EACH, base_channels=16)),
    "resnext_dilated": detector(
        box_head(),
        backbone=ResNetBackbone(
            "bottleneck",
            ONE_EACH,
            dilations=((1,), (2,), (3,), (2,)),
            base_channels=16,
            groups=4,
            group_width=16,
        ),
    ),
    "mobilenet": detector(box_head(), backbone=MobileNetV2Backbone((1,) * 7)),
    "coded": detector(box_head(), backbone=CodedBackbone("basicblock", 16, CODE)),
    "coded_gn_ws": detector(
        box_head(),
        neck=Fpn(32, norm="gn_ws"),
        backbone=CodedBackbone("MBblock", 16, CODE, "gn_ws"),
    ),
    "nas_fpn": detector(
        box_head(), RegionProposals((2.0,), pre_nms=200, post_nms=100), NasFpn(32, cells=2)
    ),
}
"""Name -> detector; every training, export and recalibration test runs over all of them."""
