"""Which options of an export would change nothing beside the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import VerificationError
from ..gate.latency import P50
from .choices import PrecisionChoices

if TYPE_CHECKING:
    from .request import ExportRequest

CALIBRATING: Mapping[str, str] = {
    "calibration_dir": "--calibrate",
    "calibration_split": "--calibration-split",
    "calibration_images": "--calibration-images",
    "calibration_method": "--calibration-method",
    "seed": "--calibration-seed",
}
"""Choice of calibration, which int8 alone needs -> its option."""

SEARCHING: Mapping[str, str] = {
    "search": "--no-fp32-search",
    "max_evaluations": "--max-evaluations",
}
"""Choice of the search for nodes that stay in fp32, which lower precisions need -> its option."""


def refuse_unheeded(request: ExportRequest) -> None:
    """Refuse what was asked for and would change nothing.

    Raises:
        VerificationError: There is such an option; says what to do.
    """
    if request.limit is not None and request.data_dir is None:
        raise VerificationError(
            f"a limit of {request.limit} images, but none to verify on; name a folder by --verify"
        )
    if request.limits.budget_on != P50 and request.limits.budget_ms is None:
        raise VerificationError(
            f"the budget is to be about {request.limits.budget_on} (--budget-on), and there is "
            "none; give one by --budget-ms, or leave --budget-on out"
        )
    _refuse_lowering(request)


def _refuse_lowering(request: ExportRequest) -> None:
    """Refuse choices about a lower precision that this export does not make."""
    precision, choices = request.precision, request.lowering
    calibrating = _unusual(choices, CALIBRATING)
    if calibrating and precision != "int8":
        raise VerificationError(
            f"images to calibrate on ({calibrating}) go with int8, the precision is {precision}; "
            "ask for --precision int8, or leave that out"
        )
    searching = _unusual(choices, SEARCHING)
    if searching and precision == "fp32":
        raise VerificationError(
            f"nodes to keep in fp32 ({searching}) are looked for in fp16 and int8, the precision "
            "is fp32; ask for one of them by --precision, or leave that out"
        )
    if "--max-evaluations" in searching and not (choices.search and request.data_dir):
        raise VerificationError(
            "--max-evaluations bounds a search that compares on the images of --verify and that "
            "--no-fp32-search leaves out; let there be one, or leave --max-evaluations out"
        )


def _unusual(choices: PrecisionChoices, options: Mapping[str, str]) -> str:
    """Return the options by which something else than usual was chosen, in a list."""
    usual = PrecisionChoices()
    changed = (o for name, o in options.items() if getattr(choices, name) != getattr(usual, name))
    return ", ".join(changed)
