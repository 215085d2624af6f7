"""Graphs with operators that only plugins run."""

from dataclasses import dataclass

import onnx

from tests.export.check.graphs import RELEASES, Case, before, model, since


@dataclass(frozen=True)
class PluginCase(Case):
    """A graph that imports another domain."""

    domain: str = "plugins"

    def model(self) -> onnx.ModelProto:
        return model(self.text, self.opset, domains=f', "{self.domain}" : 1')


PLUGINS: dict[str, Case] = {
    "mmdeploy-batched-nms": PluginCase(
        "g (float[1,10,1,4] boxes, float[1,10,3] scores) => (float[1,5,5] dets, int32[1,5] ids) {"
        " dets, ids = mmdeploy.TRTBatchedNMS<keep_topk = 5>(boxes, scores) }",
        "plugin-present",
        fails=RELEASES,
        passes=(),
        issue="open-mmlab/mmdeploy#2758",
        domain="mmdeploy",
    ),
    "efficient-nms-onnx": PluginCase(
        "g (float[1,10,4] boxes, float[1,10,3] scores) => (int32[n,3] rows) {"
        " rows = plugins.EfficientNMS_ONNX_TRT(boxes, scores) }",
        "plugin-present",
        fails=since("11.1"),
        passes=before("11.1"),
        issue="NVIDIA/TensorRT plugin/ at 93842ac9",
    ),
    "nms-plugin": PluginCase(
        "g (float[1,40] boxes) => (float[1,5,7] dets) { dets = plugins.NMS_TRT(boxes) }",
        "plugin-present",
        fails=since("11.1"),
        passes=before("11.1"),
        issue="CHANGELOG 11.0: removed nms and proposal",
    ),
    "roi-align-plugin": PluginCase(
        "g (float[1,8,16,16] x, float[5,4] rois, int32[5] i) => (float[5,8,7,7] y) {"
        " y = plugins.ROIAlign_TRT(x, rois, i) }",
        "plugin-present",
        fails=("8.4",),
        passes=since("8.5"),
        issue="open-mmlab/mmdeploy#2791",
    ),
    "deform-conv-plugin": PluginCase(
        "g (float[1,8,16,16] x) => (float[1,8,16,16] y) { y = plugins.ModulatedDeformConv2d(x) }",
        "plugin-present",
        fails=("8.4", "8.5"),
        passes=since("8.6"),
        issue="NVIDIA/TensorRT plugin/ at a0215c1a",
    ),
    "contrib-operator": PluginCase(
        "g (float[4] x) => (float[4] y) { y = com.microsoft.BiasGelu(x) }",
        "plugin-present",
        fails=RELEASES,
        passes=(),
        issue="onnx-tensorrt FallbackPluginImporter: Plugin not found",
        domain="com.microsoft",
    ),
}
