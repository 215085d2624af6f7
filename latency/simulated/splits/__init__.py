"""Every kind of module -> the layers that it consists of."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from searchspaces import ModuleSpec, outputs_of

from ...errors import PredictorError
from ..layers import Layer
from . import blocks, dense, necks, second_stage, selection

SPLITS: dict[str, Callable[[ModuleSpec], list[Layer]]] = {
    **blocks.SPLITS,
    **necks.SPLITS,
    **dense.SPLITS,
    **second_stage.SPLITS,
    **selection.SPLITS,
}
_CACHE = 65_536  # distinct modules of a large space


@lru_cache(maxsize=_CACHE)
def split(spec: ModuleSpec) -> tuple[Layer, ...]:
    """Return the layers of a module, in running order.

    Raises:
        PredictorError: The kind cannot be simulated.
        ModuleSpecError: The specification contradicts its kind.
    """
    if spec.kind not in SPLITS:
        raise PredictorError(
            f"modules of kind {spec.kind!r} cannot be simulated; known: "
            f"{', '.join(sorted(SPLITS))}"
        )
    _ = outputs_of(spec)  # checks the specification
    return tuple(SPLITS[spec.kind](spec))
