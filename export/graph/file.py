"""A bundle's ONNX model as the engines take it, without the package onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engines import EngineBuildError
from searchspaces import IMAGE

from ..errors import BundleFilesError

if TYPE_CHECKING:
    from torch import nn

EXAMPLE_SEED = 0

EXTERNAL_DATA = b"\x0a\x08location\x12"
"""The key of ONNX's ``TensorProto.external_data`` that names a file, as protobuf writes it."""


class OnnxFile:
    """Offer an ONNX file to the engines without reading it: onnx is not needed.

    Args:
        path: The file.
        inputs: Input name to example array.
        output_names: In the graph's order.
        name: A name for messages.
        written_in: Precision that the file is written in.
    """

    macs = 0

    def __init__(
        self,
        path: Path,
        inputs: Mapping[str, npt.NDArray[Any]],
        output_names: Sequence[str],
        name: str,
        written_in: str = "fp32",
    ) -> None:
        self._path = path
        self._inputs = dict(inputs)
        self.output_names = tuple(output_names)
        self.name = name
        self.written_in = written_in

    def example_inputs(self) -> dict[str, npt.NDArray[Any]]:
        """Return the example arrays by input name."""
        return dict(self._inputs)

    def torch_module(self) -> nn.Module:
        """Refuse: an ONNX file has no torch module.

        Raises:
            EngineBuildError: Always.
        """
        raise EngineBuildError(f"model {self.name!r} is an ONNX file and has no torch module")

    def onnx_bytes(self) -> bytes:
        """Return the file's content.

        Raises:
            BundleFilesError: It names other files, which an engine would read from wherever.
        """
        content = self._path.read_bytes()
        if EXTERNAL_DATA in content:
            raise BundleFilesError(
                f"{self._path} keeps tensors in other files; a bundle's model holds all of them"
            )
        return content


def example_inputs(batch: int, input_hw: tuple[int, int]) -> dict[str, npt.NDArray[np.float32]]:
    """Return a batch of noise images by input name; zeros would run faster on some hardware."""
    rng = np.random.default_rng(EXAMPLE_SEED)
    return {IMAGE: rng.standard_normal((batch, 3, *input_hw), np.float32)}
