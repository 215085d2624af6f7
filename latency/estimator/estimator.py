"""Estimate modules that were never measured, with intervals and a flag for unfamiliar ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..conformal import conformal_quantile
from ..errors import PredictorError, UnprofiledModuleError
from .family import MIN_MODULES, Family, fit_family
from .jobs import carry_out, together
from .network import share_of_epochs
from .prior import Prior
from .shape import family_of

Floats = npt.NDArray[np.float64]
MIN_FOR_PROCESSES = 500
"""Modules of a table from which a fit takes long enough to spread it over processes."""

UNFAMILIAR_MARGIN = float(np.log(2.0))
"""A module unlike all measured ones may take half or twice as long, whatever left-out ones did."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Hold estimates of n modules.

    Attributes:
        ms: Estimated medians ``(n,)``, always above zero.
        lo_ms: Lower ends of the intervals ``(n,)``.
        hi_ms: Upper ends of the intervals ``(n,)``.
        in_distribution: Whether a module is like those that were measured ``(n,)``.
    """

    ms: Floats
    lo_ms: Floats
    hi_ms: Floats
    in_distribution: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ModuleEstimator:
    """Estimate modules of every family of which enough were measured.

    Intervals are conformal (Vovk et al., "Algorithmic Learning in a Random World", 2005; with
    folds: Barber et al., doi:10.1214/20-AOS1965), multiplicative, and calibrated for each family
    on modules that its fit left out.

    Attributes:
        families: By name; see :func:`~latency.estimator.shape.family_of`.
    """

    families: Mapping[str, Family]

    def __eq__(self, other: object) -> bool:
        """Return whether both estimate everything alike."""
        if not isinstance(other, ModuleEstimator):
            return NotImplemented
        mine, theirs = self.families, other.families
        return list(mine) == list(theirs) and all(mine[k].same_as(theirs[k]) for k in mine)

    __hash__ = None  # type: ignore[assignment]  # it holds arrays

    @property
    def prior(self) -> Prior | None:
        """Return the simulated device that estimates of small families begin with, if any."""
        priors = (family.trend.prior for family in self.families.values())
        return next((prior for prior in priors if prior is not None), None)

    def knows(self, spec: ModuleSpec) -> bool:
        """Return whether enough modules of its family were measured."""
        return family_of(spec) in self.families

    def estimate(self, specs: Sequence[ModuleSpec], confidence: float = 0.9) -> Estimates:
        """Estimate modules, whether they were measured or not.

        Args:
            specs: Modules.
            confidence: Share of modules like the measured ones that the intervals are to hold.

        Raises:
            UnprofiledModuleError: Too few modules of a family were measured.
            PredictorError: The confidence does not lie between 0 and 1.
        """
        unknown = [spec.key for spec in specs if not self.knows(spec)]
        if unknown:
            raise UnprofiledModuleError(unknown, "the estimator")
        names = np.array([family_of(spec) for spec in specs], dtype=object)
        log_ms, margin = np.zeros(len(specs)), np.zeros(len(specs))
        familiar = np.zeros(len(specs), bool)
        for name in dict.fromkeys(names):
            family, places = self.families[name], np.flatnonzero(names == name)
            log_ms[places], familiar[places] = family.estimate([specs[int(i)] for i in places])
            margin[places] = conformal_quantile(family.scores, confidence)
        margin = np.where(familiar, margin, np.maximum(margin, UNFAMILIAR_MARGIN))
        ms = np.exp(log_ms)
        return Estimates(ms, np.exp(log_ms - margin), np.exp(log_ms + margin), familiar)


def fit_estimator(
    measured: Mapping[ModuleSpec, float],
    rng: np.random.Generator,
    prior: Prior | None = None,
) -> ModuleEstimator:
    """Learn from measured modules.

    Args:
        measured: Milliseconds of modules; those that are not above zero (differences of chains
            may be lost in noise) are left out.
        rng: Draws the folds that calibrate the intervals.
        prior: A simulated device, whose times these are thought to resemble; families of many
            modules do without.

    Returns:
        An estimator of every family with at least :data:`MIN_MODULES` modules.

    Raises:
        PredictorError: A number of milliseconds is not finite, or the device cannot simulate a
            kind of module.
    """
    wrong = [spec.key for spec, ms in measured.items() if not np.isfinite(ms)]
    if wrong:
        raise PredictorError(f"the time of {wrong[0]} is not finite; measure it again")
    grouped: dict[str, dict[ModuleSpec, float]] = {}
    for spec, ms in measured.items():
        if ms > 0:
            grouped.setdefault(family_of(spec), {})[spec] = ms
    large = [name for name, each in sorted(grouped.items()) if len(each) >= MIN_MODULES]
    seeds = dict(zip(large, rng.integers(2**63, size=len(large)), strict=True))
    modules = sum(len(grouped[name]) for name in large)
    share = share_of_epochs(modules)
    plans = [
        fit_family(grouped[name], np.random.default_rng(seeds[name]), prior, share)
        for name in large
    ]
    found = carry_out(together(plans), processes=modules >= MIN_FOR_PROCESSES)
    return ModuleEstimator(dict(zip(large, found, strict=True)))
