"""Write an ONNX model in a lower precision: half, or int8 as Q/DQ. Loads nothing heavy itself.

The same graphs suit onnxruntime, OpenVINO and TensorRT from 10 on; docs/precision.md has the
rules and their sources.
"""

from .lower import Lowered, WrittenIn, lower, written_in

__all__ = ["Lowered", "WrittenIn", "lower", "written_in"]
