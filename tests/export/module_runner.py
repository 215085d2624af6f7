"""A torch detector where an engine is expected."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from detection import run_module
from searchspaces import IMAGE, MASKS, OUTPUTS

Arrays = Mapping[str, np.ndarray[Any, Any]]


class ModuleRunner:
    """Run a torch detector, put into eval mode, on named arrays."""

    def __init__(self, module: nn.Module) -> None:
        self._run = run_module(module.eval())

    def run(self, inputs: Arrays) -> dict[str, np.ndarray[Any, Any]]:
        found = self._run(inputs[IMAGE])
        return dict(zip((*OUTPUTS, MASKS)[: len(found)], found, strict=True))

    def close(self) -> None:
        """Do nothing: the module belongs to the caller."""
