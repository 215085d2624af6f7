"""OpenVINO on the CPU."""

from .backend import OpenVinoBackend
from .options import OpenVinoOptions

__all__ = ["OpenVinoBackend", "OpenVinoOptions"]
