"""Detections: how they are collected, scored (COCO AP) and compared (matched sets)."""
