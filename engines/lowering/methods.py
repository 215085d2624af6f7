"""Ways to choose where a tensor is cut off, by name; loads nothing."""

CALIBRATION_METHODS = ("minmax", "percentile", "entropy")
"""The first is what an engine is calibrated by where nothing else is said."""
