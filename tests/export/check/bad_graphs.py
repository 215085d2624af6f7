"""Graphs that are known to be bad, each after an issue or a documented limit."""

from tests.export.check.bad.arithmetic import ARITHMETIC
from tests.export.check.bad.control_flow import CONTROL_FLOW
from tests.export.check.bad.half import HALF
from tests.export.check.bad.layers import LAYERS
from tests.export.check.bad.opset import OPSET
from tests.export.check.bad.selection import SELECTION
from tests.export.check.bad.spatial import SPATIAL
from tests.export.check.bad.types import TYPES
from tests.export.check.graphs import Case

FAMILIES = (CONTROL_FLOW, SELECTION, TYPES, SPATIAL, ARITHMETIC, LAYERS, OPSET, HALF)

BAD: dict[str, Case] = {name: case for family in FAMILIES for name, case in family.items()}
assert len(BAD) == sum(map(len, FAMILIES)), "two families have a graph of the same name"
