"""An engine whose latency is a formula: for tests and for trying things out."""

from .backend import FakeBackend

__all__ = ["FakeBackend"]
