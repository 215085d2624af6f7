"""OpenVINO on the CPU."""

from .backend import OpenVinoBackend

__all__ = ["OpenVinoBackend"]
