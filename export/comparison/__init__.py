"""Torch and engine on the same images: detections, pipelines, modules one by one."""
