"""Where recorded inputs come from."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RecordingError

SETS = 4  # photographs or scenes, so that a spread shows and a profile does not wait
GENERATED = "generated scenes"


@dataclass(frozen=True, slots=True)
class Origin:
    """Say where a recording comes from.

    Attributes:
        sets: Sets of inputs.
        batch: Images of a set.
        seed: Of weights, and of the choice of images.
        images: Name of the folder of photographs, or that scenes were generated.
        weights_sha256: Hash of the trained weights, or ``None``.
    """

    sets: int
    batch: int
    seed: int
    images: str = GENERATED
    weights_sha256: str | None = None

    @property
    def note(self) -> str:
        """Return a line for readers of a table."""
        trained = " by a trained detector" if self.weights_sha256 else ""
        return f"inputs: {self.sets} sets of {self.batch} recorded from {self.images}{trained}"

    def __post_init__(self) -> None:
        for name, least in (("sets", 1), ("batch", 1), ("seed", 0)):
            value: object = getattr(self, name)
            if type(value) is not int or value < least:
                raise RecordingError(f"{name} must be an int >= {least}, got {value!r}")
