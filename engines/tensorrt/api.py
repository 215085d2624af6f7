"""Where TensorRT's releases differ, from 8.6.1 to 11: all of it, and nothing else.

==========================  =========  =================  ================
what                        8.6.1      10.0 to 10.x       11
==========================  =========  =================  ================
explicit batch              a flag     the only way       the flag is gone
fp16 and int8               flags      flags              by the graph
float32 inside fp16         by layer   by layer           by the graph
int8 calibrator             yes        yes (deprecated)   gone: Q/DQ nodes
refusing cache misses       no         a flag             a flag
names of failed nodes       no         yes                yes
int64 tensors               as int32   yes                yes
==========================  =========  =================  ================

Between 10.4 and 10.5 nothing that is used here changed but the GPUs: see ``limits.py``. Tensors
are bound by name in every release (the interface of 8.5); bindings by number are not used.

Every expression on an object of TensorRT is checked against the real interface of each release in
tests/engines/tensorrt/test_contract.py, which reads this source: annotate such objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import _imports
from ..base import Array, Arrays
from ..errors import EngineBuildError, EngineUnavailableError
from .limits import INSTALL, Release

if TYPE_CHECKING:
    import tensorrt as trt

# Where TensorRT finds the next calibration batch: names to addresses, None after the last.
NextBatch = Callable[[Sequence[str]], "list[int] | None"]


class Api:
    """Do what differs between releases; what is here is as in the newest.

    Args:
        trt: The module ``tensorrt``.
    """

    calibrates: ClassVar[bool] = False
    native_int64: ClassVar[bool] = True

    def __init__(self, trt: Any) -> None:
        self.trt = trt
        self.version = str(trt.__version__)

    def prepare(self, content: bytes, precision: str, batches: Sequence[Arrays]) -> bytes:
        """Return the ONNX model that gives the precision, as far as the graph decides it."""
        from .graphs import fold_identities

        return fold_identities(content)

    def host_array(self, array: Array) -> Array:
        """Return an array contiguous and in the type that the network computes it in."""
        wide = array.dtype == np.int64 and not self.native_int64
        return np.ascontiguousarray(array.astype(np.int32) if wide else array)

    def create_network(self, builder: trt.Builder) -> trt.INetworkDefinition:
        """Return an empty network whose batch is a dimension like any other."""
        return builder.create_network()

    def set_precision(
        self,
        network: trt.INetworkDefinition,
        config: trt.IBuilderConfig,
        precision: str,
        content: bytes,
    ) -> None:
        """Allow kernels of a precision, where the graph does not say it: up to TensorRT 10."""

    def set_calibrator(
        self, config: trt.IBuilderConfig, calibrator: Any, profile: trt.IOptimizationProfile | None
    ) -> None:
        """Have the builder calibrate, where it does: up to TensorRT 10."""
        raise EngineBuildError(
            f"TensorRT {self.version} has no calibrators; quantise the graph instead"
        )

    def calibrator(self, next_batch: NextBatch) -> Any:
        """Return a calibrator, where there are any: up to TensorRT 10."""
        raise EngineBuildError(
            f"TensorRT {self.version} has no calibrators; quantise the graph instead"
        )

    def refuse_cache_misses(self, config: trt.IBuilderConfig) -> None:
        """Let a build fail that would have to time what the timing cache does not hold."""
        config.set_flag(self.trt.BuilderFlag.ERROR_ON_TIMING_CACHE_MISS)

    def failed_node(self, error: trt.ParserError) -> tuple[str, str]:
        """Return name and operator of the node that the parser could not read; may be empty."""
        return str(error.node_name()), str(error.node_operator())


class ApiWeaklyTyped(Api):
    """What 8.6 and 10 have in common: the builder chooses precisions, within flags."""

    calibrates = True

    def create_network(self, builder: trt.Builder) -> trt.INetworkDefinition:
        """Return an empty network of explicit batch: 8.6 also builds without."""
        flags = 1 << int(self.trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
        return builder.create_network(flags)

    def set_precision(
        self,
        network: trt.INetworkDefinition,
        config: trt.IBuilderConfig,
        precision: str,
        content: bytes,
    ) -> None:
        """Allow kernels of a precision, float32 remaining where it is as fast or has no kernel.

        Args:
            network: What is built.
            config: How.
            precision: ``fp32``, ``fp16`` or ``int8``.
            content: The ONNX model that the network was read from.
        """
        flags = self.trt.BuilderFlag
        if precision == "fp16":
            from .graphs import exact_nodes

            config.set_flag(flags.FP16)
            config.set_flag(flags.PREFER_PRECISION_CONSTRAINTS)
            self._keep_exact(network, exact_nodes(content))
        elif precision == "int8":
            config.set_flag(flags.INT8)

    def _keep_exact(self, network: trt.INetworkDefinition, names: frozenset[str]) -> None:
        """Compute the arithmetic of some nodes in float32: half precision rounds coordinates."""
        kinds = self.trt.LayerType
        arithmetic = (kinds.ELEMENTWISE, kinds.UNARY, kinds.GRID_SAMPLE)
        for index in range(network.num_layers):
            layer: trt.ILayer = network.get_layer(index)
            if layer.name not in names or layer.type not in arithmetic:
                continue
            made: trt.ITensor = layer.get_output(0)
            if made.dtype == self.trt.DataType.FLOAT:
                layer.precision = self.trt.DataType.FLOAT

    def set_calibrator(
        self, config: trt.IBuilderConfig, calibrator: Any, profile: trt.IOptimizationProfile | None
    ) -> None:
        """Have the builder calibrate, at the profile's middle size where sizes are dynamic."""
        config.int8_calibrator = calibrator
        if profile is not None and not config.set_calibration_profile(profile):
            raise EngineBuildError("TensorRT refuses the optimisation profile for calibration")

    def calibrator(self, next_batch: NextBatch) -> Any:
        """Return an entropy calibrator that asks for batches and keeps no cache."""
        base: Any = self.trt.IInt8EntropyCalibrator2

        class Calibrator(base):  # type: ignore[misc]
            def __init__(self) -> None:
                base.__init__(self)

            def get_batch_size(self) -> int:
                return 1  # not read for explicit batch, where the tensors' shapes count

            def get_batch(self, names: Sequence[str]) -> list[int] | None:
                return next_batch(names)

            def read_calibration_cache(self) -> None:
                return None

            def write_calibration_cache(self, cache: Any) -> None:
                return None

        return Calibrator()


class Api8(ApiWeaklyTyped):
    """TensorRT 8.6.1, the last but one that runs on a V100."""

    native_int64 = False

    def refuse_cache_misses(self, config: trt.IBuilderConfig) -> None:
        """Refuse: 8.6 cannot be told to."""
        raise EngineBuildError(
            f"TensorRT {self.version} cannot refuse a build that its timing cache does not cover; "
            "use TensorRT 10, or TensorRtOptions(on_cache_miss='time')"
        )

    def failed_node(self, error: trt.ParserError) -> tuple[str, str]:
        """Return nothing: 8.6 knows the node's number alone."""
        return "", ""


class Api10(ApiWeaklyTyped):
    """TensorRT 10; up to 10.4 it runs on a V100."""


class Api11(Api):
    """TensorRT 11: networks are strongly typed, so the graph decides every precision."""

    def prepare(self, content: bytes, precision: str, batches: Sequence[Arrays]) -> bytes:
        """Return the model in half precision, or with the quantisation of int8 written in."""
        from .graphs import fold_identities, to_half, with_quantization

        folded = fold_identities(content)
        if precision == "fp16":
            return to_half(folded)
        return with_quantization(folded, batches) if precision == "int8" else folded


APIS: dict[int, type[Api]] = {8: Api8, 10: Api10, 11: Api11}
OLDEST: Release = (8, 6)


def load_api() -> Api:
    """Import tensorrt and return what drives its release.

    Raises:
        EngineUnavailableError: It is missing, does not load, or is a release that is not driven.
    """
    return api_for(_imports.load("tensorrt", "tensorrt", INSTALL))


def api_for(trt: Any) -> Api:
    """Return what drives the release of a loaded module.

    Raises:
        EngineUnavailableError: The release is older than 8.6, 9, or newer than 11.
    """
    release = release_of(str(trt.__version__))
    kind = APIS.get(release[0])
    if kind is None or release < OLDEST:
        raise EngineUnavailableError(
            f"TensorRT {trt.__version__} is not driven by this version of detfit; known are "
            f"8.6.1, 10 and 11; run: pip install {INSTALL}"
        )
    return kind(trt)


def release_of(version: str) -> Release:
    """Return major and minor number of a version such as ``10.13.3.9.post1``.

    Raises:
        EngineUnavailableError: It does not begin with two numbers.
    """
    parts = version.split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        raise EngineUnavailableError(f"cannot read the version {version!r} of TensorRT")
    return int(parts[0]), int(parts[1])
