"""Where TensorRT's releases differ, from 8.6.1 to 11: all of it, and nothing else.

==========================  =========  =================  ================
what                        8.6.1      10.0 to 10.x       11
==========================  =========  =================  ================
explicit batch              a flag     the only way       the flag is gone
strong typing               no         a flag             the only way
fp16 and int8               flags      flags, or graph    by the graph
float32 inside fp16         by layer   by layer, graph    by the graph
int8 calibrator             yes        yes (deprecated)   gone: Q/DQ nodes
refusing cache misses       no         a flag             a flag
names of failed nodes       no         yes                yes
int64 tensors               as int32   yes                yes
==========================  =========  =================  ================

Between 10.4 and 10.5 nothing that is used here changed but the GPUs: see ``limits.py``. Tensors
are bound by name in every release (the interface of 8.5); bindings by number are not used. Nor are
weight streaming, refitting, version-compatible and hardware-compatible plans (for Volta there are
none of the last): a plan belongs to the release and the GPU that it was measured on.

Sources: NVIDIA/TensorRT, include/NvInfer.h, include/NvInferRuntime.h and python/src of the
branches release/8.6, release/10.4 and release/11.1; NVIDIA's guides of migration.

Every expression on an object of TensorRT is checked against the real interface of each release in
tests/engines/tensorrt/test_contract.py, which reads this source: annotate such objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from ..base import Array, Arrays
from ..errors import EngineBuildError

if TYPE_CHECKING:
    import tensorrt as trt

    from ..lowering import Lowered

TYPINGS = ("auto", "weak", "strong")
FULL = "fp32"


class Calibration(Protocol):
    """What a calibrator asks: batches, or what an earlier calibration found.

    Attributes:
        cache: What a calibration found, as TensorRT writes it; empty before the first.
    """

    cache: bytes

    def next_addresses(self, names: Sequence[str]) -> list[int] | None:
        """Return where the next batch of the named inputs lies, None after the last."""


class Api:
    """Do what differs between releases; what is here is as in the newest.

    Networks are strongly typed: the graph says what is computed in which type.

    Args:
        trt: The module ``tensorrt``.
    """

    calibrates: ClassVar[bool] = False
    native_int64: ClassVar[bool] = True
    typing: ClassVar[str] = "strong"

    def __init__(self, trt: Any) -> None:
        self.trt = trt
        self.version = str(trt.__version__)

    def typed(self, written: str, typing: str) -> Api:
        """Return what drives this release for a graph.

        Args:
            written: Precision that the graph is written in: ``fp32``, ``fp16`` or ``int8``.
            typing: One of :data:`TYPINGS`; ``auto`` is as strong as the graph asks for.

        Raises:
            EngineBuildError: The release has no such typing, or none for such a graph.
        """
        if typing == "weak":
            raise EngineBuildError(
                f"TensorRT {self.version} has strongly typed networks alone; leave out "
                "typing=weak, or use TensorRT 10"
            )
        return self

    def prepare(
        self, content: bytes, written: str, precision: str, batches: Sequence[Arrays]
    ) -> Lowered:
        """Return the ONNX model that gives the precision, as far as the graph decides it.

        Args:
            content: The serialised model.
            written: Precision that it is written in.
            precision: That is wanted.
            batches: What int8 is calibrated on, where it is not written in int8.

        Raises:
            EngineBuildError: It is written in another precision, or cannot be converted.
        """
        from ..lowering import lower
        from .graphs import Written, fold_identities

        return lower(Written(fold_identities(content), written), precision, batches)

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
        """Allow kernels of a precision, where the graph does not say it: if weakly typed."""

    def set_calibrator(
        self, config: trt.IBuilderConfig, calibrator: Any, profile: trt.IOptimizationProfile | None
    ) -> None:
        """Have the builder calibrate, where it does: if weakly typed."""
        raise EngineBuildError(
            f"TensorRT {self.version} has no calibrators; quantise the graph instead"
        )

    def calibrator(self, calibration: Calibration) -> Any:
        """Return a calibrator, where there are any: if weakly typed."""
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
    typing = "weak"

    def prepare(
        self, content: bytes, written: str, precision: str, batches: Sequence[Arrays]
    ) -> Lowered:
        """Return the model as it is but for shared weights: flags give the precision."""
        from ..lowering import Lowered
        from .graphs import fold_identities

        if written not in (FULL, precision):
            raise EngineBuildError(
                f"the graph is written in {written} and cannot become {precision}; build "
                f"precision {written}, or give the graph in {FULL}"
            )
        return Lowered(fold_identities(content))

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

        What computes boxes and scores is held in float32, in fp16 as in int8. A quantised graph
        says itself what is int8 and needs no more than the flag.

        Args:
            network: What is built.
            config: How.
            precision: ``fp32``, ``fp16`` or ``int8``.
            content: The ONNX model that the network was read from.
        """
        if precision == FULL:
            return
        from .graphs import free_nodes, written_in

        flags = self.trt.BuilderFlag
        config.set_flag(flags.FP16 if precision == "fp16" else flags.INT8)
        if written_in(content) == FULL:
            from .constraints import hold_exact

            config.set_flag(flags.PREFER_PRECISION_CONSTRAINTS)
            free = free_nodes(content, precision)
            hold_exact(self, network, free, borders=precision == "int8")

    def set_calibrator(
        self, config: trt.IBuilderConfig, calibrator: Any, profile: trt.IOptimizationProfile | None
    ) -> None:
        """Have the builder calibrate, at the profile's middle size where sizes are dynamic."""
        config.int8_calibrator = calibrator
        if profile is not None and not config.set_calibration_profile(profile):
            raise EngineBuildError("TensorRT refuses the optimisation profile for calibration")

    def calibrator(self, calibration: Calibration) -> Any:
        """Return an entropy calibrator that asks for batches, unless there is a cache."""
        base: Any = self.trt.IInt8EntropyCalibrator2

        class Calibrator(base):  # type: ignore[misc]
            def __init__(self) -> None:
                base.__init__(self)

            def get_batch_size(self) -> int:
                return 1  # not read for explicit batch, where the tensors' shapes count

            def get_batch(self, names: Sequence[str]) -> list[int] | None:
                return calibration.next_addresses(names)

            def read_calibration_cache(self) -> bytes | None:
                return calibration.cache or None

            def write_calibration_cache(self, cache: Any) -> None:
                calibration.cache = bytes(cache)

        return Calibrator()


class Api8(ApiWeaklyTyped):
    """TensorRT 8.6.1, the oldest release that is taken; on a V100 it runs beside 10.0 to 10.4."""

    native_int64 = False

    def typed(self, written: str, typing: str) -> Api:
        """Return this: 8.6 has no strongly typed networks, but reads quantised graphs."""
        if typing == "strong" or written == "fp16":
            raise EngineBuildError(
                f"TensorRT {self.version} has no strongly typed networks, which typing=strong and "
                "a graph in half precision need; give it the graph in fp32, or use TensorRT 10"
            )
        return self

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

    def typed(self, written: str, typing: str) -> Api:
        """Return this, or its strongly typed sibling where graph or caller ask for it."""
        if typing == "weak" and written == "fp16":
            raise EngineBuildError(
                "a weakly typed network does not keep the types of a graph in half precision; "
                "leave out typing=weak, or give the graph in fp32"
            )
        strong = typing == "strong" or (typing == "auto" and written != FULL)
        return Api10Strong(self.trt) if strong else self


class Api10Strong(Api):
    """TensorRT 10 with strongly typed networks, as 11 has them."""

    def create_network(self, builder: trt.Builder) -> trt.INetworkDefinition:
        """Return an empty network whose types are those of the graph."""
        flags = 1 << int(self.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        return builder.create_network(flags)


class Api11(Api):
    """TensorRT 11: networks are strongly typed, so the graph decides every precision."""
