"""A wired set of modules: what is built, run, timed and counted.

One type serves a whole detector, a chain of two blocks and a single module, so that building,
exporting, timing and counting have one way each.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from .errors import ModuleSpecError
from .kinds import outputs_of
from .modules import ModuleSpec, TensorSpec

PARTS = ("backbone", "neck", "rpn", "head")


@dataclass(frozen=True, slots=True)
class Node:
    """Place one module in a graph.

    Attributes:
        name: Unique name; a Python identifier such as ``backbone_s1_b0``.
        part: One of :data:`PARTS`.
        spec: What runs here.
        inputs: References to what it takes, in the order of ``spec.inputs``: ``image`` or another
            graph input by name, ``node`` for the first output of a node, ``node:1`` for the next.
    """

    name: str
    part: str
    spec: ModuleSpec
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """Wire modules together; nodes stand in the order in which they run.

    A graph is checked when it is made: no wrongly wired one exists.

    Attributes:
        inputs: ``(name, tensor)`` of every graph input.
        nodes: The modules; each refers only to graph inputs and earlier nodes.
        outputs: References to what the graph gives.

    Raises:
        ModuleSpecError: There is no node or no output, a name is used twice or no identifier, a
            reference points nowhere, or a node receives other shapes than its specification says.
    """

    inputs: tuple[tuple[str, TensorSpec], ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.nodes or not self.outputs:
            raise ModuleSpecError(
                f"a graph needs nodes and outputs, got {len(self.nodes)} nodes and "
                f"{len(self.outputs)} outputs"
            )
        _ = self.tensors  # checks the wiring

    @cached_property
    def tensors(self) -> Mapping[str, TensorSpec]:
        """Return the tensor behind every reference."""
        known: dict[str, TensorSpec] = {}
        for name, tensor in self.inputs:
            _check_name(name, known)
            known[name] = tensor
        for node in self.nodes:
            _check_node(node, known)
            for index, tensor in enumerate(outputs_of(node.spec)):
                known[reference(node.name, index)] = tensor
        missing = [ref for ref in self.outputs if ref not in known]
        if missing:
            raise ModuleSpecError(
                f"graph outputs {', '.join(missing)} are made by no node; there are "
                f"{', '.join(known)}"
            )
        return known

    @cached_property
    def key(self) -> str:
        """Return the canonical text: the module's own key for a graph of one module.

        The key of a larger graph depends on names, wiring, inputs and outputs.
        """
        if len(self.nodes) == 1:
            return self.nodes[0].spec.key
        ends = ["+".join(f"{name}={tensor}" for name, tensor in self.inputs), *self.outputs]
        text = "\n".join((*self.lines(), *ends))
        digest = hashlib.sha256(text.encode()).hexdigest()[:20]
        return f"graph({len(self.nodes)} modules)#{digest}"

    def lines(self) -> tuple[str, ...]:
        """Return one line per node that says name, part, inputs and module key."""
        return tuple(f"{n.name}|{n.part}|{'+'.join(n.inputs)}|{n.spec.key}" for n in self.nodes)

    def counts(self) -> Counter[ModuleSpec]:
        """Return how often each distinct module occurs."""
        return Counter(node.spec for node in self.nodes)

    def subgraph(self, names: Collection[str]) -> Graph:
        """Cut out the named nodes; what they take from outside becomes a graph input.

        Every output that an outside node, the graph itself or nobody takes becomes an output.

        A reference such as ``proposals:1`` becomes the input ``proposals_1``, with more
        underscores where a cut-out node has that name.

        Raises:
            ModuleSpecError: A name is unknown or none is given.
        """
        unknown = set(names) - {node.name for node in self.nodes}
        if unknown:
            raise ModuleSpecError(f"no node named {', '.join(sorted(unknown))} in the graph")
        inside = tuple(node for node in self.nodes if node.name in names)
        made = {reference(n.name, i): n for n in inside for i in range(len(outputs_of(n.spec)))}
        wanted = dict.fromkeys(ref for n in inside for ref in n.inputs if ref not in made)
        used_inside = {ref for n in inside for ref in n.inputs}
        used_outside = {r for n in self.nodes if n.name not in names for r in n.inputs}
        used_outside |= set(self.outputs)
        outputs = tuple(ref for ref in made if ref in used_outside or ref not in used_inside)
        rename = _input_names(wanted, {n.name for n in inside})
        nodes = tuple(
            Node(n.name, n.part, n.spec, tuple(rename.get(r, r) for r in n.inputs)) for n in inside
        )
        return Graph(tuple((rename[r], self.tensors[r]) for r in wanted), nodes, outputs)


def reference(name: str, index: int) -> str:
    """Return how output ``index`` of node ``name`` is referred to."""
    return name if index == 0 else f"{name}:{index}"


def chain(specs: Iterable[ModuleSpec], part: str = "backbone") -> Graph:
    """Wire single-input, single-output modules one after the other.

    The first module may take, and the last may give, any number of tensors.

    Raises:
        ModuleSpecError: There is no module, one before the last gives several tensors, or one
            does not take what the one before it gives.
    """
    modules = tuple(specs)
    if not modules:
        raise ModuleSpecError("a chain needs at least one module, got none")
    inputs = tuple((f"input_{i}", t) for i, t in enumerate(modules[0].inputs))
    previous = tuple(name for name, _ in inputs)
    nodes: list[Node] = []
    for index, spec in enumerate(modules):
        if index < len(modules) - 1 and len(outputs_of(spec)) > 1:
            raise ModuleSpecError(
                f"module {index} of the chain gives {len(outputs_of(spec))} tensors; only the "
                f"last may give several: {spec.key}"
            )
        nodes.append(Node(f"m{index}", part, spec, previous))
        previous = (f"m{index}",)
    count = len(outputs_of(modules[-1]))
    last = nodes[-1].name
    return Graph(inputs, tuple(nodes), tuple(reference(last, i) for i in range(count)))


def _input_names(references: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Make an identifier of every reference, different from each other and from node names."""
    names: dict[str, str] = {}
    used = set(taken)
    for ref in references:
        name = ref.replace(":", "_")
        while name in used:  # ends: every turn makes the name longer
            name += "_"
        used.add(name)
        names[ref] = name
    return names


def _check_name(name: str, known: Mapping[str, TensorSpec]) -> None:
    if not name.isidentifier():
        raise ModuleSpecError(f"{name!r} must be an identifier such as backbone_s1_b0")
    if name in known:
        raise ModuleSpecError(f"two nodes or graph inputs are named {name!r}")


def _check_node(node: Node, known: Mapping[str, TensorSpec]) -> None:
    _check_name(node.name, known)
    if node.part not in PARTS:
        raise ModuleSpecError(
            f"part {node.part!r} of {node.name} is not one of {', '.join(PARTS)}"
        )
    missing = [ref for ref in node.inputs if ref not in known]
    if missing:
        raise ModuleSpecError(
            f"{node.name} takes {', '.join(missing)}, which nothing before it gives"
        )
    given = tuple(known[ref] for ref in node.inputs)
    if given != node.spec.inputs:
        raise ModuleSpecError(
            f"{node.name} is given {', '.join(map(str, given))} but its specification says "
            f"{', '.join(map(str, node.spec.inputs))}"
        )
