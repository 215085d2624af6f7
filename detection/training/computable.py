"""What a training needs of the machine beside its images."""

from __future__ import annotations

from .config import TrainConfig
from .log import require_tensorboard
from .step import resolve_precision


def require_computable(config: TrainConfig, device: str) -> None:
    """Refuse settings that a training on this machine would end at, before anything is written.

    Args:
        config: Settings.
        device: That is here; see :func:`detection.require_trainable`.

    Raises:
        TrainingError: The device cannot train in the precision, or TensorBoard is wanted and not
            installed.
    """
    resolve_precision(config.precision, device)
    if config.tensorboard:
        require_tensorboard()
