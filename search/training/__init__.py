"""What a search trains to score detectors: a supernet, a classifier, or every one by itself.

evaluators.py      what tells the accuracy, by name
devices.py         the devices that this machine has for it
images.py          the images that are learnt from, and those that score
supernet.py        the supernet of a run: images, training, scores
supernet_files.py  where a run keeps its supernet
given.py           a supernet that was trained before
classification.py  a supernet whose backbones classify images
scratch.py         every architecture on weights of its own
"""

from __future__ import annotations

from .images import split_for_search
from .supernet import SupernetStage
from .supernet_files import load_supernet

__all__ = ["SupernetStage", "load_supernet", "split_for_search"]
