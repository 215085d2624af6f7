"""What is timed: graphs of modules, alone, in chains, or as whole detectors.

workload.py     a graph to be timed, and the form of it that each engine needs
context.py      which chains tell what a module costs inside its detector
sentinel.py     the graph that is timed beside every other: how fast the machine is
layer_names.py  which module a layer of an exported network comes from
graph_text.py   graphs as plain texts, for files
"""

from __future__ import annotations

from .context import ContextPlan, Recipe, plan_context
from .layer_names import module_of_node, modules_of_layer
from .sentinel import Reading, sentinel_workload
from .workload import CHAIN, DETECTOR, MODULE, Workload, WorkloadModel

__all__ = [
    "CHAIN",
    "DETECTOR",
    "MODULE",
    "ContextPlan",
    "Reading",
    "Recipe",
    "Workload",
    "WorkloadModel",
    "module_of_node",
    "modules_of_layer",
    "plan_context",
    "sentinel_workload",
]
