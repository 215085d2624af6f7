"""Small graphs from text, and what is known of each: on which releases it fails, and why."""

from dataclasses import dataclass

import onnx
from onnx import parser

RELEASES = ("8.4", "8.5", "8.6", "10.0", "10.4", "10.11", "11.1")


@dataclass(frozen=True)
class Case:
    """A graph that some releases refuse or compute wrongly.

    Attributes:
        text: The graph in ONNX's own notation.
        rule: Rule that has to find it.
        fails: Releases on which it fails.
        passes: Releases on which it passes.
        issue: Where somebody met it, or where it is documented.
        opset: Its operator set.
        precision: Precision in which it fails.
        fixed_by: Fixes, of which at least one has to repair it on the releases in `fails`.
    """

    text: str
    rule: str
    fails: tuple[str, ...]
    passes: tuple[str, ...]
    issue: str
    opset: int = 17
    precision: str = "fp32"
    fixed_by: str = ""

    def model(self) -> onnx.ModelProto:
        return model(self.text, self.opset)


def model(text: str, opset: int = 17, functions: str = "", domains: str = "") -> onnx.ModelProto:
    """Read a graph; ``domains`` are further imports, such as ``, "plugins" : 1``."""
    head = f'<ir_version: 8, opset_import: ["" : {opset}{domains}]>'
    return parser.parse_model(f"{head}\n{text}\n{functions}")


def since(release: str) -> tuple[str, ...]:
    """Return the releases tried from one on."""
    return RELEASES[RELEASES.index(release) :]


def before(release: str) -> tuple[str, ...]:
    """Return the releases tried before one."""
    return RELEASES[: RELEASES.index(release)]
