"""The static TensorRT check: would a release parse and run this graph? No GPU, no TensorRT needed.

Four layers of rules (operator, node, graph, precision), each with its source; fixes that are
proven not to change what the graph computes.
"""

from __future__ import annotations

from .checking import check_model, read_model
from .document import rules_document
from .errors import CheckError
from .finding import CheckReport, Finding, Severity
from .fixes import FIXES, Fix
from .fixing import FixOutcome, FixReport, check_onnx, fix_model, fix_onnx
from .rules import RULES, Rule
from .versions import PRECISIONS, RELEASES, Span, Target, parse_target

__all__ = [
    "FIXES",
    "PRECISIONS",
    "RELEASES",
    "RULES",
    "CheckError",
    "CheckReport",
    "Finding",
    "Fix",
    "FixOutcome",
    "FixReport",
    "Rule",
    "Severity",
    "Span",
    "Target",
    "check_model",
    "check_onnx",
    "fix_model",
    "fix_onnx",
    "parse_target",
    "read_model",
    "rules_document",
]
