"""Errors of the detection room.

DetectionError
├── DatasetError      annotations that are not COCO JSON, images that are missing or unreadable
├── PreprocessError   a preprocessing description that contradicts itself or is of another version
├── MetricError       detections that cannot be scored or matched; an unknown metric backend
├── BuildError        a module or a detector that cannot be built from its specification
├── CheckpointError   weights or training state that do not fit or cannot be read
└── TrainingError     a training run that cannot start or go on
"""

from __future__ import annotations


class DetectionError(ValueError):
    """Base of every error that the room raises on bad input."""


class DatasetError(DetectionError):
    """Annotations or images cannot be used; the message names file and field."""


class PreprocessError(DetectionError):
    """A preprocessing description contradicts itself or has an unknown version."""


class MetricError(DetectionError):
    """Detections cannot be scored or matched."""


class BuildError(DetectionError):
    """A module or a detector cannot be built from its specification."""


class CheckpointError(DetectionError):
    """Weights or training state cannot be read or do not fit the model."""


class TrainingError(DetectionError):
    """A training run cannot start or cannot go on."""
