"""What a search trains to score detectors: a supernet, a classifier, or every one by itself.

evaluators.py      what tells the accuracy, by name
devices.py         the devices that this machine has for it
supernet.py        the supernet of a run: images, training, scores
classification.py  a supernet whose backbones classify images
scratch.py         every architecture on weights of its own
"""

from __future__ import annotations

from .supernet import SupernetStage, load_supernet, split_for_search

__all__ = ["SupernetStage", "load_supernet", "split_for_search"]
