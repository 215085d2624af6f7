"""The ONNX graph of a whole detector: written, simplified, inspected."""
