"""Inputs of data-dependent modules as they occur in a detector that looks at images.

How long proposal selection, RoIAlign and the final suppression take depends on what they are
given. A recording holds some images and gives every workload as many sets of inputs: the images
themselves to a whole detector; what the cheapest detector with the same modules makes of the
images to a chain or a module. A node has the same seeded weights wherever it stands
(:class:`detection.GraphModel`), so a chain goes on as that detector would.

Only the images are kept in a file: everything else follows from them and the seed, and the maps of
a large space would fill a disk. Whatever was made last is kept in memory, as chains with the same
inputs follow one another.

Random weights follow contrast where trained ones do not: each image is brought to zero mean and
unit deviation for them. On four images of 256x160 each, the classifiers spread on them
(:mod:`detection.candidates`), detnas-nano detectors then gave per image:

* RetinaNet: 0.1 to 7 times the wanted candidates above the threshold (photographs), 0.1 to 5
  times (scenes), 0.6 to 1.7 times (noise);
* Faster R-CNN: 0.4 to 2.4, 0.4 to 2.7, 0.8 to 1.1 times.

Of the best 1000 candidates of the finest level of a 512x320 detnas-small RPN 510 to 713 survive
on photographs, 586 to 636 on scenes and 762 on noise, whose neighbours know nothing of each other;
a proposal overlaps its nearest one by 0.59 to 0.64, 0.61 to 0.63 and 0.56 on average.

What it changes (onnxruntime, one core, processor time, detnas-nano at 480x320, eight images):
proposal selection takes 0.69 to 0.79 ms against 0.83 on noise, RoIAlign 2.7 to 2.9 against 3.4,
final detections 0.08 to 0.10 against 0.12 (two-stage), 2.3 to 2.6 against 2.3 (RetinaNet).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from searchspaces import IMAGE, Graph, make_space, sha256_of_file

from ..errors import RecordingError
from .origin import SETS, Origin
from .sources import Detectors, Source, is_data_dependent

if TYPE_CHECKING:
    import torch

    from detection import GraphModule

Array = npt.NDArray[Any]
InputSet = Mapping[str, Array]

MEMORY_BYTES = 1 << 30  # of maps and boxes kept for the next workload


class Recording:
    """Give workloads inputs that come from images.

    Args:
        origin: Where they come from.
        images: Input's height and width -> ``(sets * batch, 3, h, w)`` float16, preprocessed.
        detectors: Whole detectors to record in, all of the origin's batch.
        weights: Trained weights of one detector; it is added to the detectors, and chains of its
            modules then are given what it makes of the images and have its weights.

    Raises:
        RecordingError: A detector has another batch, or takes images of a size that is not there.
        CheckpointError: The weights cannot be read.
    """

    def __init__(
        self,
        origin: Origin,
        images: Mapping[tuple[int, int], Array],
        detectors: Sequence[Graph],
        weights: Path | None = None,
    ) -> None:
        self.origin = origin
        self.images = images
        self.weights = weights
        graphs = list(detectors)
        self._trained = Detectors([])
        if weights is not None:
            graphs.append(trained_graph(weights, graphs))
            self._trained = Detectors(graphs[-1:])
        for graph in graphs:
            _check_image(graph, origin.batch, images)
        self._detectors = Detectors(graphs)
        self._made: OrderedDict[tuple[str, ...], tuple[tuple[Array, ...], ...]] = OrderedDict()

    def input_sets(self, graph: Graph) -> tuple[InputSet, ...]:
        """Return what a workload is run on, one mapping of input names per set.

        A mapping lacks the inputs that no detector makes. Without modules that depend on their
        data, and where nothing fits, there is no set: one drawn input serves.
        """
        source = self._source(graph)
        if source is None:
            return ()
        names, refs = tuple(source.references), tuple(source.references.values())
        made = self._make(source.detector, refs)
        return tuple(dict(zip(names, arrays, strict=True)) for arrays in made)

    def weights_of(self, graph: Graph) -> Path | None:
        """Return the trained weights if they hold every module of a workload, by its name."""
        return self.weights if self._trained.whole(graph) is not None else None

    def _source(self, graph: Graph) -> Source | None:
        if not is_data_dependent(graph):
            return None
        if self.weights_of(graph) is not None:
            return self._trained.source(graph)
        return self._detectors.source(graph)

    def _make(self, detector: Graph, refs: tuple[str, ...]) -> tuple[tuple[Array, ...], ...]:
        sets = self._images_of(detector)
        if set(refs) == {IMAGE}:
            return tuple((image,) * len(refs) for image in sets)
        key = (detector.key, *refs)
        if key not in self._made:
            self._made[key] = _run(self._module(detector, refs, sets), sets, refs)
        self._made.move_to_end(key)
        while len(self._made) > 1 and _bytes(self._made.values()) > MEMORY_BYTES:
            self._made.popitem(last=False)
        return self._made[key]

    def _images_of(self, detector: Graph) -> tuple[Array, ...]:
        """Return the images of every set as a detector is given them, ``(batch, 3, h, w)``."""
        images = self.images[_input_hw(detector)].astype(np.float32)
        if self.weights_of(detector) is None:
            axes = (1, 2, 3)
            images -= images.mean(axes, keepdims=True)
            images /= np.maximum(images.std(axes, keepdims=True), np.finfo(np.float32).tiny)
        return tuple(np.split(images, self.origin.sets))

    def _module(
        self, detector: Graph, refs: tuple[str, ...], sets: Sequence[Array]
    ) -> GraphModule:
        """Build as much of a detector as the references need, with the weights it has whole."""
        from detection import GraphModel

        weights = self.weights_of(detector)
        backbone = [node.name for node in detector.nodes if node.part == "backbone"]
        made = {ref.partition(":")[0] for ref in refs} - {IMAGE}
        if weights is None and made <= set(backbone):  # no need to spread the classifiers
            return GraphModel(detector.subgraph(backbone), self.origin.seed).unspread_module()
        inputs = [{IMAGE: image} for image in sets]
        model = GraphModel(detector, self.origin.seed, input_sets=inputs, weights=weights)
        return model.torch_module()


def record(
    detectors: Sequence[Graph],
    *,
    seed: int = 0,
    sets: int = SETS,
    folder: Path | str | None = None,
    weights: Path | str | None = None,
) -> Recording:
    """Take images for a recording; detectors run on them when a workload needs it.

    Args:
        detectors: Whole detectors that hold the modules of all workloads, of one batch.
        seed: Of weights and images; that of the workloads.
        sets: Sets of inputs; each takes the detectors' batch of images.
        folder: Of photographs; scenes are generated if None.
        weights: Trained weights of a detector, as training and a bundle write them.

    Raises:
        RecordingError: There is no detector, they differ in batch, or ``sets`` is below 1.
        DatasetError: The folder holds no image or a damaged one.
        CheckpointError: The weights cannot be read.
    """
    from detection import example_images

    if not detectors:
        raise RecordingError("a recording needs at least one detector, got none")
    origin = Origin(sets, detectors[0].tensors[IMAGE].shape[0], seed)
    if folder is not None:
        origin = replace(origin, images=Path(folder).name)
    path = None if weights is None else Path(weights)
    graphs = list(detectors)
    if path is not None:
        origin = replace(origin, weights_sha256=sha256_of_file(path))
        graphs.append(trained_graph(path, graphs))
    count = sets * origin.batch
    images = {
        hw: example_images(hw, count, folder=folder, seed=seed).astype(np.float16)
        for hw in dict.fromkeys(map(_input_hw, graphs))
    }  # half precision: pixels have eight bits
    return Recording(origin, images, detectors, path)


def trained_graph(weights: Path, detectors: Sequence[Graph]) -> Graph:
    """Return the detector that trained weights belong to, at the batch of others.

    Raises:
        RecordingError: The weights are a supernet's.
        CheckpointError: The weights cannot be read.
    """
    from detection import read_weights_info

    info = read_weights_info(weights)
    if info.architecture is None:
        raise RecordingError(
            f"{weights}: holds a supernet's weights; give those of one trained detector"
        )
    options: dict[str, Any] = {"num_classes": info.num_classes} | dict(info.space_options)
    space = make_space(info.space, **options)
    spec = space.detector(space.decode(info.architecture))
    first = detectors[0]
    return spec.graph(first.tensors[IMAGE].shape[0], first.nodes[0].spec.dtype)


def _run(
    module: GraphModule, sets: Sequence[Array], refs: tuple[str, ...]
) -> tuple[tuple[Array, ...], ...]:
    import torch

    def run(image: Array) -> tuple[Array, ...]:
        with torch.no_grad():
            return tuple(map(_contiguous, module.run({IMAGE: torch.from_numpy(image)}, refs)))

    return tuple(map(run, sets))


def _contiguous(tensor: torch.Tensor) -> Array:
    return np.ascontiguousarray(tensor.numpy())


def _bytes(entries: Any) -> int:
    return sum(array.nbytes for entry in entries for arrays in entry for array in arrays)


def _input_hw(detector: Graph) -> tuple[int, int]:
    height, width = detector.tensors[IMAGE].shape[2:]
    return height, width


def _check_image(graph: Graph, batch: int, images: Mapping[tuple[int, int], Array]) -> None:
    shape = graph.tensors[IMAGE].shape if IMAGE in graph.tensors else ()
    if len(shape) != 4 or shape[0] != batch or shape[2:] not in images:
        sizes = ", ".join(f"{w}x{h}" for h, w in images)
        raise RecordingError(
            f"a recording of {batch} images a set, sized {sizes}, does not fit a detector that "
            f"takes {shape}; record for the space and batch that are profiled"
        )
