"""Which distinct modules a space is made of: what a profiler has to time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from .architecture import Architecture
from .modules import ModuleSpec
from .space import SearchSpace

PATIENCE = 50
MAX_SAMPLES = 20_000


class CoverageWarning(UserWarning):
    """The search for modules ended at its bound while it was still finding new ones."""


def distinct_modules(
    space: SearchSpace,
    rng: np.random.Generator | None = None,
    *,
    batch: int = 1,
    dtype: str = "fp32",
    patience: int = PATIENCE,
    max_samples: int = MAX_SAMPLES,
) -> tuple[tuple[ModuleSpec, ...], tuple[Architecture, ...]]:
    """List the distinct modules that occur in a space, and architectures that cover them.

    A space that offers ``covering`` is asked for its architectures, and the answer is exact. A
    space with ``gene_choices`` is asked for every choice at all positions at once; then random
    architectures follow until ``patience`` of them in a row bring nothing new. Modules that only
    rare combinations of genes need can be missed: more patience finds more.

    Args:
        space: Where to look.
        rng: Draws the samples, where any are; ``None`` starts a generator from seed 0.
        batch: Images per run of the listed modules.
        dtype: Precision of the listed modules.
        patience: Samples in a row without a new module that end the search.
        max_samples: Most random samples.

    Returns:
        The modules in the order in which they were found, and the architectures that brought at
        least one each, in the same order.

    Warns:
        CoverageWarning: ``max_samples`` ended the search.

    Raises:
        ValueError: ``patience`` or ``max_samples`` is negative.

    Example:
        >>> from searchspaces import make_space
        >>> modules, covering = distinct_modules(make_space("detnas-nano"))
        >>> len(modules), len(covering)
        (39, 4)
    """
    if min(patience, max_samples) < 0:
        raise ValueError(
            f"patience and max_samples must be at least 0, got {patience} and {max_samples}"
        )
    found: dict[ModuleSpec, None] = {}
    covering: list[Architecture] = []

    def look(arch: Architecture) -> bool:
        """Add the modules of one architecture; return whether any is new."""
        before = len(found)
        found.update((spec, None) for spec, _ in space.detector(arch).modules(batch, dtype))
        if len(found) == before:
            return False
        covering.append(space.canonical(arch))
        return True

    exact = _exact(space)
    for arch in _uniform(space) if exact is None else exact:
        look(arch)
    if exact is None:
        rng = np.random.default_rng(0) if rng is None else rng
        samples = (space.sample(rng) for _ in range(max_samples))
        if not _until_fruitless(map(look, samples), patience):
            warnings.warn(
                f"{space.name}: {max_samples} samples found {len(found)} distinct modules, but "
                f"fewer than {patience} in a row brought nothing new; raise max_samples",
                CoverageWarning,
                stacklevel=2,
            )
    return tuple(found), tuple(covering)


def count_distinct_modules(
    space: SearchSpace,
    rng: np.random.Generator | None = None,
    *,
    patience: int = PATIENCE,
    max_samples: int = MAX_SAMPLES,
) -> int:
    """Count what :func:`distinct_modules` lists.

    Example:
        >>> from searchspaces import make_space
        >>> count_distinct_modules(make_space("detnas-nano", head="retinanet"))
        36
    """
    modules, _ = distinct_modules(space, rng, patience=patience, max_samples=max_samples)
    return len(modules)


def _until_fruitless(news: Iterator[bool], patience: int) -> bool:
    """Draw until ``patience`` in a row are false; return whether it came to that."""
    fruitless = 0
    while fruitless < patience:
        new = next(news, None)
        if new is None:
            return False
        fruitless = 0 if new else fruitless + 1
    return True


def _exact(space: SearchSpace) -> Iterable[Architecture] | None:
    """Return the architectures that the space says hold all of its modules, if it says so."""
    covering: Callable[[], Iterable[Architecture]] | None = getattr(space, "covering", None)
    return None if covering is None else covering()


def _uniform(space: SearchSpace) -> Iterator[Architecture]:
    """Make the architectures that have the same choice everywhere, as far as they are valid."""
    choices = getattr(space, "gene_choices", ())
    for index in range(max(map(len, choices), default=0)):
        arch = Architecture(space.name, tuple(each[index % len(each)] for each in choices))
        if space.is_valid(arch):
            yield arch
